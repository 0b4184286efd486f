import { type SelectableValue } from '@grafana/data';
import { type Filter, type FilterOperator, type Rollup, type Stat, type TidemarkQuery } from './types';

type StatOption = Required<Pick<SelectableValue<Stat>, 'label' | 'description'>> & { value: Stat };

export const STATS: StatOption[] = [
  { value: 'count', label: 'Count', description: 'Number of events' },
  { value: 'rate', label: 'Rate', description: 'Events per second' },
  { value: 'bytes', label: 'Bytes', description: 'Size of the events' },
  { value: 'avg', label: 'Average', description: 'Mean of a measure' },
  { value: 'max', label: 'Maximum', description: 'Largest value of a measure' },
  { value: 'min', label: 'Minimum', description: 'Smallest value of a measure' },
  { value: 'sum', label: 'Sum', description: 'Total of a measure' },
];

export const OPERATORS: Array<{ value: FilterOperator; label: string; description: string }> = [
  { value: '=', label: '=', description: 'Is one of the values' },
  { value: '!=', label: '!=', description: 'Is none of the values' },
  { value: '=~', label: '=~', description: 'Matches the whole regular expression' },
  { value: '!~', label: '!~', description: 'Does not match the regular expression' },
];

const STATS_OF_A_MEASURE: ReadonlySet<Stat> = new Set<Stat>(['avg', 'max', 'min', 'sum']);

export function needsMeasure(stat: Stat): boolean {
  return STATS_OF_A_MEASURE.has(stat);
}

export function isRegex(op: FilterOperator): boolean {
  return op === '=~' || op === '!~';
}

/** What a new query starts from; the editor fills in the rollup when the list arrives. */
export const DEFAULT_QUERY = {
  rollup: '',
  stat: 'count',
  groupBy: [],
  filters: [],
  tier: 'auto',
} satisfies Partial<TidemarkQuery>;

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
  const stat = query.stat ?? DEFAULT_QUERY.stat;
  return Boolean(query.rollup) && (!needsMeasure(stat) || Boolean(query.measure));
}

export function hasVariable(text: string): boolean {
  return text.includes('$') || text.includes('[[');
}

/** Asks another rollup the same thing: keeps what it also has, and chooses again what it lacks. */
export function fitToRollup(query: TidemarkQuery, rollup: Rollup): TidemarkQuery {
  const fits = (listed: string[]) => (name: string) => listed.includes(name) || hasVariable(name);
  const isDimension = fits(rollup.dimensions);
  const isMeasure = fits(rollup.measures);
  const fitted: TidemarkQuery = {
    ...query,
    rollup: rollup.name,
    groupBy: query.groupBy.filter(isDimension),
    filters: query.filters.filter((filter) => isDimension(filter.dimension)),
    tier: query.tier === 'auto' || fits(rollup.tiers)(query.tier) ? query.tier : 'auto',
  };
  if (fitted.measure && !isMeasure(fitted.measure)) {
    delete fitted.measure;
  }
  return fitToStat(fitted, rollup);
}

/** Chooses a measure where the statistic needs one, and counts where the rollup has none. */
export function fitToStat(query: TidemarkQuery, rollup: Rollup | undefined): TidemarkQuery {
  if (!needsMeasure(query.stat) || query.measure) {
    return query;
  }
  const measure = rollup?.measures[0];
  return measure ? { ...query, measure } : { ...query, stat: 'count' };
}

/** The same filter with another operator; a list of values becomes the expression that matches it, and back where it can. */
export function withOperator(filter: Filter, op: FilterOperator): Filter {
  if (isRegex(op) === isRegex(filter.op)) {
    return { ...filter, op };
  }
  if (!isRegex(op)) {
    return { ...filter, op, values: plainAlternatives(filter.values[0] ?? '') };
  }
  const pattern = filter.values.map((value) => (hasVariable(value) ? value : escapeRegex(value))).join('|');
  return { ...filter, op, values: pattern ? [pattern] : [] };
}

/** Escapes what the regular expressions of Lucene or RE2 do not read as the character itself. */
export function escapeRegex(text: string): string {
  return text.replace(/[.?+*|{}[\]()"\\#@&<>~^$]/g, '\\$&');
}

/** The values that an expression lists; none where it is more than a list. */
function plainAlternatives(pattern: string): string[] {
  if (!pattern) {
    return [];
  }
  const values = pattern.split('|').map((part) => (hasVariable(part) ? part : part.replace(/\\([^\w\s])/g, '$1')));
  const lists = values.map((value) => (hasVariable(value) ? value : escapeRegex(value))).join('|') === pattern;
  return lists ? values : [];
}

/** How a value of a dimension is shown; a field that an event lacks is the empty string. */
export function valueLabel(value: string): string {
  return value === '' ? '(empty)' : value;
}

/** The query in words, for the collapsed row of the query editor. */
export function displayText(partial: TidemarkQuery): string {
  const query = withDefaults(partial);
  if (!query.rollup) {
    return 'No rollup chosen';
  }
  const stat = STATS.find(({ value }) => value === query.stat)?.label ?? query.stat;
  const parts = [needsMeasure(query.stat) ? `${stat} of ${query.measure ?? '?'}` : stat, `from ${query.rollup}`];
  if (query.groupBy.length > 0) {
    parts.push(`by ${query.groupBy.join(', ')}`);
  }
  const filters = query.filters.filter(({ values }) => values.length > 0);
  if (filters.length > 0) {
    const words = filters.map(({ dimension, op, values }) => `${dimension} ${op} ${values.join(', ')}`);
    parts.push(`where ${words.join(' and ')}`);
  }
  if (query.top) {
    parts.push(`top ${query.top}`);
  }
  return parts.join(' ');
}
