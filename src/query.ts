import { filterText, isEffective } from './filter';
import { t } from './i18n';
import { DEFAULT_PERCENTILE, hasTables, lacking, needsMeasure, statistic } from './stat';
import { hasVariable } from './template';
import {
  type Format,
  type NumberOrVariable,
  type ReadMode,
  type Rollup,
  type TidemarkQuery,
  type TidemarkVariableQuery,
} from './types';

/** What a new query starts from; the editor fills in the rollup when the list arrives. */
export const DEFAULT_QUERY = {
  rollup: '',
  stat: 'count',
  groupBy: [],
  filters: [],
  tier: 'auto',
} satisfies Partial<TidemarkQuery>;

/**
 * What the backend takes a query for that does not say so. A query leaves them out as long as nobody chooses otherwise, so
 * that an alert rule that is made of a panel's query is one.
 */
export function unsaid(isAlert: boolean): { read: ReadMode; lookback: string } {
  return isAlert ? { read: 'sealed', lookback: '1d' } : { read: 'live', lookback: '' };
}

/** Completes a query that was stored or written by hand with only some of the fields. */
export function withDefaults(query: Partial<TidemarkQuery> & { refId: string }): TidemarkQuery {
  return {
    ...DEFAULT_QUERY,
    ...query,
    groupBy: query.groupBy ?? [],
    filters: (query.filters ?? []).map((filter) => ({ ...filter, values: filter.values ?? [] })),
  };
}

/** Whether there is enough in the query for the backend to answer it. */
export function isComplete(query: Partial<TidemarkQuery>): boolean {
  if (!query.rollup) {
    return false;
  }
  if (isAnnotations(query)) {
    return query.kinds?.length !== 0;
  }
  const stat = query.stat ?? DEFAULT_QUERY.stat;
  const hasCondition = statistic(stat).condition !== 'required' || Boolean(query.condition);
  return hasCondition && (!needsMeasure(stat) || Boolean(query.measure));
}

export function isAnnotations({ queryType }: Partial<TidemarkQuery>): boolean {
  return queryType === 'annotations';
}

/** Asks another rollup the same thing: keeps what it also has, and chooses again what it lacks. */
export function fitToRollup(query: TidemarkQuery, rollup: Rollup): TidemarkQuery {
  const isDimension = fits(rollup.dimensions);
  return fitToStat(
    {
      ...query,
      rollup: rollup.name,
      groupBy: query.groupBy.filter(isDimension),
      filters: query.filters.filter((filter) => isDimension(filter.dimension)),
      tier: query.tier === 'auto' || fits(rollup.tiers)(query.tier) ? query.tier : 'auto',
    },
    rollup
  );
}

/** Lists the same of another rollup, as far as it has that. */
export function fitVariable(query: TidemarkVariableQuery, rollup: Rollup): TidemarkVariableQuery {
  const isDimension = fits(rollup.dimensions);
  const filters = query.filters?.filter((filter) => isDimension(filter.dimension));
  return {
    ...query,
    rollup: rollup.name,
    dimension: query.dimension && isDimension(query.dimension) ? query.dimension : undefined,
    filters: filters?.length ? filters : undefined,
  };
}

/** Asks for a table or for series: a table has no points of time that could be smoothed or go on. */
export function withFormat(query: TidemarkQuery, format: Format): TidemarkQuery {
  return format === 'series'
    ? { ...query, format: undefined }
    : { ...query, format, movingAverage: undefined, read: query.read === 'stream' ? undefined : query.read };
}

/** Chooses what the statistic needs, drops what it does not take, and counts where the rollup cannot give it. */
export function fitToStat(query: TidemarkQuery, rollup: Rollup | undefined): TidemarkQuery {
  const { of, condition } = statistic(query.stat);
  const known = (name: string | undefined, list: 'conditions' | NonNullable<typeof of>) =>
    name && (!rollup || fits(rollup[list])(name)) ? name : undefined;
  const fitted: TidemarkQuery = {
    ...query,
    measure: known(query.measure, of ?? 'measures'),
    condition: condition && known(query.condition, 'conditions'),
    over: condition === 'required' ? known(query.over, 'conditions') : undefined,
    percentile: query.stat === 'percentile' ? (query.percentile ?? DEFAULT_PERCENTILE) : undefined,
    format: hasTables(query.stat) ? query.format : undefined,
  };
  if (of && needsMeasure(query.stat)) {
    fitted.measure ??= rollup?.[of][0];
  }
  if (condition === 'required') {
    fitted.condition ??= rollup?.conditions[0];
  }
  const isGiven = !rollup || !lacking(query.stat, rollup) || isComplete(fitted);
  return isGiven ? fitted : fitToStat({ ...query, stat: 'count' }, rollup);
}

function fits(listed: string[]): (name: string) => boolean {
  return (name) => listed.includes(name) || hasVariable(name);
}

/** A number as it was typed. Other text stays as it is: it may hold a variable, and the backend says what is wrong. */
export function toNumber(text: string): NumberOrVariable | undefined {
  const trimmed = text.trim();
  return /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed || undefined;
}

function isUnsetOr(valid: (value: number) => boolean): (value: NumberOrVariable | undefined) => boolean {
  return (value) => value === undefined || (typeof value === 'string' ? hasVariable(value) : valid(value));
}

export const isTop = isUnsetOr((top) => Number.isInteger(top) && top > 0);
export const isPercentile = isUnsetOr((percentile) => percentile > 0 && percentile <= 100);
export const isMovingAverage = isUnsetOr((points) => Number.isInteger(points) && points >= 2 && points <= 1000);

/** Whether a text is a length of whole minutes, hours, days or weeks; the empty one is none. */
export function isDuration(text: string | undefined): boolean {
  return !text || /^[1-9]\d*[mhdw]$/.test(text) || hasVariable(text);
}

/** What the statistic is of, in words. */
function subject(query: TidemarkQuery): string {
  const { label, of, ofEvents, condition } = statistic(query.stat);
  const stat = query.stat === 'percentile' ? `${label()} ${query.percentile ?? DEFAULT_PERCENTILE}` : label();
  if (of && (query.measure || !ofEvents)) {
    return t('query.of', '{{stat}} of {{name}}', { stat, name: query.measure || '?' });
  }
  if (condition === 'required') {
    const over = query.over || t('query.all-events', 'all events');
    return t('query.of-over', '{{stat}} of {{name}} over {{over}}', { stat, name: query.condition || '?', over });
  }
  return condition && query.condition ? t('query.of', '{{stat}} of {{name}}', { stat, name: query.condition }) : stat;
}

/** The query in words, for the collapsed row of the query editor. */
export function displayText(partial: TidemarkQuery): string {
  const query = withDefaults(partial);
  const { rollup, groupBy, top, other, shift, movingAverage, format, read } = query;
  if (!rollup) {
    return t('query.no-rollup', 'No rollup chosen');
  }
  if (isAnnotations(query)) {
    return t('query.marks', 'Marks of {{rollup}}', { rollup });
  }
  const filters = query.filters.filter(isEffective).map(filterText);
  const and = t('query.and', ' and ');
  return [
    subject(query),
    t('query.from', 'from {{rollup}}', { rollup }),
    groupBy.length > 0 && t('query.by', 'by {{dimensions}}', { dimensions: groupBy.join(', ') }),
    filters.length > 0 && t('query.where', 'where {{filters}}', { filters: filters.join(and) }),
    top && (other ? t('query.top-other', 'top {{top}} and other', { top }) : t('query.top', 'top {{top}}', { top })),
    shift && t('query.before', '{{shift}} before', { shift }),
    movingAverage && t('query.smoothed', 'smoothed over {{points}} points', { points: movingAverage }),
    format === 'table' && t('query.table', 'as a table'),
    read === 'stream' && t('query.stream', 'as a live stream'),
  ]
    .filter(Boolean)
    .join(' ');
}
