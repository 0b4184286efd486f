import { type ScopedVars } from '@grafana/data';
import { type TemplateSrv } from '@grafana/runtime';
import { isRegex, takesValues } from './filter';
import { isAnnotations, toNumber, withDefaults } from './query';
import { Variables } from './template';
import { type Filter, type NumberOrVariable, type TidemarkQuery } from './types';

/** Replaces the dashboard variables in a query. A filter by a variable that stands for All, or for nothing, is left out; one that excludes All keeps events without a value. */
export function interpolateQuery(
  partial: TidemarkQuery,
  templateSrv: TemplateSrv,
  scopedVars?: ScopedVars
): TidemarkQuery {
  const query = withDefaults(partial);
  const variables = new Variables(templateSrv, scopedVars);
  const optional = (text: string | undefined) => (text === undefined ? undefined : variables.replace(text));
  const number = (value: NumberOrVariable | undefined) =>
    typeof value === 'string' ? toNumber(variables.replace(value)) : value;
  if (isAnnotations(query)) {
    return { ...query, rollup: variables.replace(query.rollup) };
  }
  return {
    ...query,
    rollup: variables.replace(query.rollup),
    measure: optional(query.measure),
    condition: optional(query.condition),
    over: optional(query.over),
    percentile: number(query.percentile),
    groupBy: unique(query.groupBy.flatMap((name) => variables.expand(name))),
    filters: interpolateFilters(query.filters, variables),
    top: number(query.top),
    tier: variables.replace(query.tier),
    shift: optional(query.shift),
    movingAverage: number(query.movingAverage),
    lookback: optional(query.lookback),
    alias: optional(query.alias),
  };
}

/** Replaces the variables in filters, and leaves out those that keep nothing out. */
export function interpolateFilters(filters: Filter[], variables: Variables): Filter[] {
  return filters.map((filter) => interpolateFilter(filter, variables)).filter((filter) => filter !== undefined);
}

function interpolateFilter(filter: Filter, variables: Variables): Filter | undefined {
  const dimension = variables.replace(filter.dimension);
  if (!dimension) {
    return undefined;
  }
  if (!takesValues(filter.op)) {
    return { ...filter, dimension, values: [] };
  }
  if (isRegex(filter.op)) {
    const values = filter.values.map((value) => variables.pattern(value));
    return keep({ ...filter, dimension }, values.includes(undefined) ? [] : values);
  }
  if (filter.values.some((value) => variables.standsForAll(value))) {
    return filter.op === '!=' ? { ...filter, dimension, op: '!exists', values: [] } : undefined;
  }
  return keep({ ...filter, dimension }, unique(filter.values.flatMap((value) => variables.expand(value))));
}

function keep(filter: Filter, values: Array<string | undefined>): Filter | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? { ...filter, values: known } : undefined;
}

function unique(values: string[]): string[] {
  return [...new Set(values)];
}
