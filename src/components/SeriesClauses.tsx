import { type ComboboxOption, InlineSwitch } from '@grafana/ui';
import { useId } from 'react';
import { isDuration, isTop, toNumber } from '../query';
import { DEFAULT_PERCENTILE, statistic } from '../stat';
import { hasVariable } from '../template';
import { type TidemarkQuery } from '../types';
import { Choice, Text } from './Choice';
import { Clause } from './Clause';

interface Props {
  query: TidemarkQuery;
  variables: Array<ComboboxOption<string>>;
  onChange: (change: Partial<TidemarkQuery>) => void;
}

const LOOKBACKS: Array<ComboboxOption<string>> = [
  { value: '', label: 'none', description: 'Only series with events in the time range' },
  { value: '1h', label: '1h', description: 'Those of an hour before too' },
  { value: '1d', label: '1d', description: 'Those of a day before too' },
  { value: '1w', label: '1w', description: 'Those of a week before too' },
];

/** Which series there are, and what they are called. */
export function SeriesClauses({ query, variables, onChange }: Props) {
  const id = useId();
  return (
    <>
      <Text
        word="Top"
        name="series"
        tooltip="Keep this many series, the largest over the time range. Empty: all that the data source allows."
        value={String(query.top ?? '')}
        placeholder="all"
        inputMode="numeric"
        invalid={!isTop(query.top)}
        minWidth={8}
        onCommit={(text) => onChange({ top: toNumber(text) })}
      />
      {(query.top || query.other) && (
        <Clause
          word="and other"
          name="series as one"
          labelId={`${id}other-label`}
          htmlFor={`${id}other`}
          tooltip="One more series, of everything that is not in the top."
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
          word="look back"
          name="for series"
          tooltip="Series that had events only so long before the time range are shown too, so that one that fell silent does not vanish."
          options={[...LOOKBACKS, ...variables]}
          value={query.lookback ?? ''}
          createCustomValue
          invalid={!isDuration(query.lookback)}
          onChange={(lookback) => onChange({ lookback: lookback.trim() || undefined })}
          hint="Or type a length, such as 90m, 12h, 2d or 1w"
          minWidth={10}
        />
      )}
      <Text
        word="legend"
        name="format"
        tooltip="Name of each series. {{host}} stands for the value of that dimension; {{stat}}, {{measure}}, {{condition}}, {{percentile}}, {{shift}} and {{rollup}} work too. Empty: Grafana joins the statistic, what it is of and the values of the dimensions."
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
