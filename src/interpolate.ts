import { type ScopedVars } from '@grafana/data';
import { type TemplateSrv } from '@grafana/runtime';
import { escapeRegex, isRegex, withDefaults } from './query';
import { type Filter, type TidemarkQuery } from './types';

const REFERENCE = /\$(\w+)|\$\{(\w+)[^}]*\}|\[\[(\w+)[^\]]*\]\]/g;
const ALL_TEXT = 'All';

type Selected = string | string[];

/** Replaces the dashboard variables in a query. A filter by a variable that stands for All, or for nothing, is left out. */
export function interpolateQuery(
  partial: TidemarkQuery,
  templateSrv: TemplateSrv,
  scopedVars?: ScopedVars
): TidemarkQuery {
  const query = withDefaults(partial);
  const variables = new Variables(templateSrv, scopedVars);
  const optional = (text: string | undefined) => (text === undefined ? undefined : variables.replace(text));
  return {
    ...query,
    rollup: variables.replace(query.rollup),
    measure: optional(query.measure),
    groupBy: unique(query.groupBy.flatMap((name) => variables.expand(name))),
    filters: query.filters
      .map((filter) => interpolateFilter(filter, variables))
      .filter((filter) => filter !== undefined),
    top: toTop(query.top, variables),
    tier: variables.replace(query.tier),
    alias: optional(query.alias),
  };
}

function interpolateFilter(filter: Filter, variables: Variables): Filter | undefined {
  const dimension = variables.replace(filter.dimension);
  if (!dimension) {
    return undefined;
  }
  if (isRegex(filter.op)) {
    const values = filter.values.map((value) => variables.pattern(value));
    return keep({ ...filter, dimension }, values.includes(undefined) ? [] : values);
  }
  if (filter.values.some((value) => variables.standsForAll(value))) {
    return undefined;
  }
  return keep({ ...filter, dimension }, unique(filter.values.flatMap((value) => variables.expand(value))));
}

function keep(filter: Filter, values: Array<string | undefined>): Filter | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? { ...filter, values: known } : undefined;
}

/** Text that is no number goes to the backend as it is, which says so. */
function toTop(top: number | string | undefined, variables: Variables): number | string | undefined {
  if (typeof top !== 'string') {
    return top;
  }
  const text = variables.replace(top).trim();
  const parsed = Number(text);
  return text === '' ? undefined : Number.isNaN(parsed) ? text : parsed;
}

class Variables {
  constructor(
    private readonly templateSrv: TemplateSrv,
    private readonly scopedVars?: ScopedVars
  ) {}

  replace(text: string): string {
    return this.templateSrv.replace(text, this.scopedVars);
  }

  /** One string for each combination of the values that the variables in `text` stand for. */
  expand(text: string): string[] {
    const selections: string[][] = [];
    const replaced = this.templateSrv.replace(text, this.scopedVars, (value: Selected) => {
      selections.push([value].flat().map(String));
      return '';
    });
    if (selections.length === 0) {
      return replaced === '' && text !== '' ? [] : [replaced];
    }
    const expanded = combinations(selections).map((choice) => {
      let next = 0;
      return this.templateSrv.replace(text, this.scopedVars, () => choice[next++] ?? '');
    });
    return this.isUnset(text) ? expanded.filter((value) => value !== '') : expanded;
  }

  /** The regular expression that `text` stands for; undefined where it should match anything. */
  pattern(text: string): string | undefined {
    const replaced = this.templateSrv.replace(text, this.scopedVars, (value: Selected) => {
      const escaped = [value].flat().map((one) => escapeRegex(String(one)));
      return escaped.length === 1 ? escaped[0] : `(${escaped.join('|')})`;
    });
    const anything = this.names(text).some((name) => this.isAll(name) && !this.hasCustomAll(name));
    return anything || replaced === '' ? undefined : replaced;
  }

  standsForAll(text: string): boolean {
    return this.names(text).some((name) => this.isAll(name));
  }

  private names(text: string): string[] {
    return [...text.matchAll(REFERENCE)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  }

  /** Told by the text in the panel's scope: a repeated panel narrows All to one value, which the list of variables does not show. */
  private isAll(name: string): boolean {
    const selected = this.selected(name);
    const isValueCalledAll = selected?.length === 1 && selected[0] === ALL_TEXT;
    return this.text(name) === ALL_TEXT && !isValueCalledAll;
  }

  /** Grafana puts a custom all value in as it was written, without asking for its format. */
  private hasCustomAll(name: string): boolean {
    return this.selected(name) === undefined;
  }

  private isUnset(text: string): boolean {
    return this.names(text).every((name) => this.text(name) === '');
  }

  private text(name: string): string {
    return this.templateSrv.replace(`\${${name}:text}`, this.scopedVars);
  }

  private selected(name: string): string[] | undefined {
    let selected: string[] | undefined;
    this.templateSrv.replace(`\${${name}}`, this.scopedVars, (value: Selected) => {
      selected = [value].flat().map(String);
      return '';
    });
    return selected;
  }
}

function combinations(lists: string[][]): string[][] {
  return lists.reduce<string[][]>((heads, list) => heads.flatMap((head) => list.map((last) => [...head, last])), [[]]);
}

function unique(values: string[]): string[] {
  return [...new Set(values)];
}
