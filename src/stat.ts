import { t } from './i18n';
import { type Rollup, type Stat } from './types';

type Source = 'measures' | 'percentiles' | 'distinct' | 'conditions';

export interface Statistic {
  value: Stat;
  label: () => string;
  description: () => string;
  /** Which of the rollup's lists its measure is from; absent where it takes none. */
  of?: Exclude<Source, 'conditions'>;
  /** Whether it also stands without a measure, for the count. */
  ofEvents?: boolean;
  /** Whether it can be of the events that met a condition, or is of nothing else. */
  condition?: 'optional' | 'required';
}

export const STATS: Statistic[] = [
  {
    value: 'count',
    label: () => t('stat.count', 'Count'),
    description: () => t('stat.count-description', 'Number of events'),
    condition: 'optional',
  },
  {
    value: 'rate',
    label: () => t('stat.rate', 'Rate'),
    description: () => t('stat.rate-description', 'Events per second'),
    condition: 'optional',
  },
  {
    value: 'bytes',
    label: () => t('stat.bytes', 'Bytes'),
    description: () => t('stat.bytes-description', 'Size of the events'),
  },
  {
    value: 'avg',
    label: () => t('stat.avg', 'Average'),
    description: () => t('stat.avg-description', 'Mean of a measure'),
    of: 'measures',
  },
  {
    value: 'max',
    label: () => t('stat.max', 'Maximum'),
    description: () => t('stat.max-description', 'Largest value of a measure'),
    of: 'measures',
  },
  {
    value: 'min',
    label: () => t('stat.min', 'Minimum'),
    description: () => t('stat.min-description', 'Smallest value of a measure'),
    of: 'measures',
  },
  {
    value: 'sum',
    label: () => t('stat.sum', 'Sum'),
    description: () => t('stat.sum-description', 'Total of a measure'),
    of: 'measures',
  },
  {
    value: 'percentile',
    label: () => t('stat.percentile', 'Percentile'),
    description: () => t('stat.percentile-description', 'What most values do not exceed'),
    of: 'percentiles',
  },
  {
    value: 'distinct',
    label: () => t('stat.distinct', 'Distinct'),
    description: () => t('stat.distinct-description', 'Number of different values'),
    of: 'distinct',
  },
  {
    value: 'ratio',
    label: () => t('stat.ratio', 'Ratio'),
    description: () => t('stat.ratio-description', 'Share of the events that met a condition'),
    condition: 'required',
  },
  {
    value: 'delta',
    label: () => t('stat.delta', 'Delta'),
    description: () => t('stat.delta-description', 'Rise since the point before'),
    of: 'measures',
    ofEvents: true,
  },
];

/** The percentile that is taken where a query names none. */
export const DEFAULT_PERCENTILE = 95;

/** A statistic by its name; one that is not known is treated as a count, for the backend to refuse. */
export function statistic(stat: Stat): Statistic {
  return STATS.find(({ value }) => value === stat) ?? { value: stat, label: () => stat, description: () => '' };
}

export function needsMeasure(stat: Stat): boolean {
  const { of, ofEvents } = statistic(stat);
  return of !== undefined && !ofEvents;
}

/** Whether sidecars tell a statistic by the second. The newest values of others are asked of Elasticsearch again and again. */
export function isStreamed(stat: Stat): boolean {
  return !['percentile', 'distinct', 'delta'].includes(stat);
}

/** Whether a statistic has a value of a whole time range. */
export function hasTables(stat: Stat): boolean {
  return stat !== 'delta';
}

/** What the statistic needs of a rollup that keeps none of it. */
export function lacking(stat: Stat, rollup: Rollup): Source | undefined {
  const { of, condition } = statistic(stat);
  const needed = condition === 'required' ? 'conditions' : needsMeasure(stat) ? of : undefined;
  return needed && rollup[needed].length === 0 ? needed : undefined;
}

interface Lack {
  reason: (stats: string) => string;
  whatToDo: () => string;
}

const LACKS: Record<Source, Lack> = {
  measures: {
    reason: (stats) => t('lack.measures', '{{stats}}: the rollup has no measures', { stats }),
    whatToDo: () => t('lack.measures-to-do', 'Name a numeric field under measures in its configuration'),
  },
  percentiles: {
    reason: (stats) => t('lack.percentiles', '{{stats}}: the rollup has no percentiles', { stats }),
    whatToDo: () => t('lack.percentiles-to-do', 'List one of its measures under percentiles in its configuration'),
  },
  distinct: {
    reason: (stats) => t('lack.distinct', '{{stats}}: the rollup has no distinct', { stats }),
    whatToDo: () => t('lack.distinct-to-do', 'Name a field under distinct in its configuration'),
  },
  conditions: {
    reason: (stats) => t('lack.conditions', '{{stats}}: the rollup has no conditions', { stats }),
    whatToDo: () => t('lack.conditions-to-do', 'Write one under conditions in its configuration'),
  },
};

/** Which statistics a rollup cannot give, in one line for each reason. */
export function missingStats(rollup: Rollup): Array<{ needed: Source; label: string; description: string }> {
  const bySource = new Map<Source, string[]>();
  for (const { value, label } of STATS) {
    const needed = lacking(value, rollup);
    if (needed) {
      bySource.set(needed, [...(bySource.get(needed) ?? []), label()]);
    }
  }
  return [...bySource].map(([needed, labels]) => ({
    needed,
    label: LACKS[needed].reason(labels.join(', ')),
    description: LACKS[needed].whatToDo(),
  }));
}
