import { type ComboboxOption, InlineSwitch } from '@grafana/ui';
import { useId } from 'react';
import { t } from '../i18n';
import { isDuration, isTop, toNumber, unsaid } from '../query';
import { DEFAULT_PERCENTILE, statistic } from '../stat';
import { hasVariable } from '../template';
import { type TidemarkQuery } from '../types';
import { Choice, Text } from './Choice';
import { Clause } from './Clause';

interface Props {
  query: TidemarkQuery;
  variables: Array<ComboboxOption<string>>;
  /** Whether the query is one of an alert rule, where a series that falls silent must not vanish. */
  isAlert: boolean;
  onChange: (change: Partial<TidemarkQuery>) => void;
}

const lookbacks = (): Array<ComboboxOption<string>> => [
  {
    value: '',
    label: t('series-clauses.lookback-none', 'none'),
    description: t('series-clauses.lookback-none-description', 'Only series with events in the time range'),
  },
  {
    value: '1h',
    label: '1h',
    description: t('series-clauses.lookback-hour-description', 'Those of an hour before too'),
  },
  { value: '1d', label: '1d', description: t('series-clauses.lookback-day-description', 'Those of a day before too') },
  {
    value: '1w',
    label: '1w',
    description: t('series-clauses.lookback-week-description', 'Those of a week before too'),
  },
];

/** Which series there are, and what they are called. */
export function SeriesClauses({ query, variables, isAlert, onChange }: Props) {
  const id = useId();
  const standard = unsaid(isAlert).lookback;
  return (
    <>
      <Text
        word={t('series-clauses.top', 'Top')}
        name={t('series-clauses.top-name', 'series')}
        tooltip={t(
          'series-clauses.top-tooltip',
          'Keep this many series, the largest over the time range. Empty: all that the data source allows.'
        )}
        value={String(query.top ?? '')}
        placeholder={t('series-clauses.top-placeholder', 'all')}
        inputMode="numeric"
        invalid={!isTop(query.top)}
        minWidth={8}
        onCommit={(text) => {
          const top = toNumber(text);
          onChange({ top, other: top === undefined ? undefined : query.other });
        }}
      />
      {(query.top || query.other) && (
        <Clause
          word={t('series-clauses.other', 'and other')}
          name={t('series-clauses.other-name', 'series as one')}
          labelId={`${id}other-label`}
          htmlFor={`${id}other`}
          tooltip={t('series-clauses.other-tooltip', 'One more series, of everything that is not in the top.')}
        >
          <InlineSwitch
            id={`${id}other`}
            aria-labelledby={`${id}other-label`}
            value={query.other ?? false}
            onChange={({ currentTarget }) => onChange({ other: currentTarget.checked || undefined })}
          />
        </Clause>
      )}
      {(query.groupBy.length > 0 || query.lookback) && (
        <Choice
          word={t('series-clauses.lookback', 'look back')}
          name={t('series-clauses.lookback-name', 'for series')}
          tooltip={t(
            'series-clauses.lookback-tooltip',
            'Series that had events only so long before the time range are shown too, so that one that fell silent does not vanish.'
          )}
          options={[...lookbacks(), ...variables]}
          value={query.lookback ?? standard}
          createCustomValue
          invalid={!isDuration(query.lookback)}
          onChange={(lookback) => onChange({ lookback: lookback.trim() === standard ? undefined : lookback.trim() })}
          hint={t('series-clauses.lookback-hint', 'Or type a length, such as 90m, 12h, 2d or 1w')}
          minWidth={10}
        />
      )}
      <Text
        word={t('series-clauses.legend', 'legend')}
        name={t('series-clauses.legend-name', 'format')}
        tooltip={t(
          'series-clauses.legend-tooltip',
          'Name of each series. {{example}} stands for the value of that dimension; {{others}} work too. Empty: Grafana joins the statistic, what it is of and the values of the dimensions.',
          {
            example: '{{host}}',
            others: '{{stat}}, {{measure}}, {{condition}}, {{percentile}}, {{shift}}, {{rollup}}',
          }
        )}
        value={query.alias ?? ''}
        placeholder={defaultLegend(query)}
        minWidth={24}
        maxWidth={60}
        onCommit={(alias) => onChange({ alias: alias || undefined })}
      />
    </>
  );
}

/** What Grafana names a series by that has no name of its own: the value of a single dimension, or all with their values. */
function defaultLegend(query: TidemarkQuery): string {
  const { groupBy, shift } = query;
  const field = `${fieldName(query)}${shift ? ` ${shift} before` : ''}`;
  const [single, ...others] = groupBy;
  if (single === undefined) {
    return field;
  }
  return others.length === 0 && !hasVariable(single)
    ? `${field} <${single}>`
    : `${field} {${groupBy.map((name) => `${name}="…"`).join(', ')}}`;
}

function fieldName({ stat, measure, condition, over, percentile = DEFAULT_PERCENTILE }: TidemarkQuery): string {
  const { of, ofEvents, condition: ofCondition } = statistic(stat);
  const words: Array<string | undefined> = [stat === 'percentile' ? `p${percentile}` : stat];
  if (of) {
    words.push(measure ?? (ofEvents ? undefined : '…'));
  }
  if (ofCondition) {
    words.push(condition ?? (ofCondition === 'required' ? '…' : undefined), over && `over ${over}`);
  }
  return words.filter(Boolean).join(' ');
}
