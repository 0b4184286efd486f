import { type Rollup, type Stat } from './types';

type Source = 'measures' | 'percentiles' | 'distinct' | 'conditions';

export interface Statistic {
  value: Stat;
  label: string;
  description: string;
  /** Which of the rollup's lists its measure is from; absent where it takes none. */
  of?: Exclude<Source, 'conditions'>;
  /** Whether it also stands without a measure, for the count. */
  ofEvents?: boolean;
  /** Whether it can be of the events that met a condition, or is of nothing else. */
  condition?: 'optional' | 'required';
}

export const STATS: Statistic[] = [
  { value: 'count', label: 'Count', description: 'Number of events', condition: 'optional' },
  { value: 'rate', label: 'Rate', description: 'Events per second', condition: 'optional' },
  { value: 'bytes', label: 'Bytes', description: 'Size of the events' },
  { value: 'avg', label: 'Average', description: 'Mean of a measure', of: 'measures' },
  { value: 'max', label: 'Maximum', description: 'Largest value of a measure', of: 'measures' },
  { value: 'min', label: 'Minimum', description: 'Smallest value of a measure', of: 'measures' },
  { value: 'sum', label: 'Sum', description: 'Total of a measure', of: 'measures' },
  { value: 'percentile', label: 'Percentile', description: 'What most values do not exceed', of: 'percentiles' },
  { value: 'distinct', label: 'Distinct', description: 'Number of different values', of: 'distinct' },
  { value: 'ratio', label: 'Ratio', description: 'Share of the events that met a condition', condition: 'required' },
  { value: 'delta', label: 'Delta', description: 'Rise since the point before', of: 'measures', ofEvents: true },
];

/** The percentile that is taken where a query names none. */
export const DEFAULT_PERCENTILE = 95;

/** A statistic by its name; one that is not known is treated as a count, for the backend to refuse. */
export function statistic(stat: Stat): Statistic {
  return STATS.find(({ value }) => value === stat) ?? { value: stat, label: stat, description: '' };
}

export function needsMeasure(stat: Stat): boolean {
  const { of, ofEvents } = statistic(stat);
  return of !== undefined && !ofEvents;
}

/** What the statistic needs of a rollup that keeps none of it. */
export function lacking(stat: Stat, rollup: Rollup): Source | undefined {
  const { of, condition } = statistic(stat);
  const needed = condition === 'required' ? 'conditions' : needsMeasure(stat) ? of : undefined;
  return needed && rollup[needed].length === 0 ? needed : undefined;
}

const WHAT_TO_DO: Record<Source, string> = {
  measures: 'Name a numeric field under measures in its configuration',
  percentiles: 'List one of its measures under percentiles in its configuration',
  distinct: 'Name a field under distinct in its configuration',
  conditions: 'Write one under conditions in its configuration',
};

/** Which statistics a rollup cannot give, in one line for each reason. */
export function missingStats(rollup: Rollup): Array<{ needed: Source; label: string; description: string }> {
  const bySource = new Map<Source, string[]>();
  for (const { value, label } of STATS) {
    const needed = lacking(value, rollup);
    if (needed) {
      bySource.set(needed, [...(bySource.get(needed) ?? []), label]);
    }
  }
  return [...bySource].map(([needed, labels]) => ({
    needed,
    label: `${labels.join(', ')}: the rollup has no ${needed}`,
    description: WHAT_TO_DO[needed],
  }));
}
