import { dateTimeFormat } from '@grafana/data';
import { type ComboboxOption, RadioButtonGroup } from '@grafana/ui';
import { useId } from 'react';
import { isDuration, isMovingAverage, toNumber } from '../query';
import { type ReadMode, type Rollup, type TidemarkQuery } from '../types';
import { Choice, Text } from './Choice';
import { Clause } from './Clause';

interface Props {
  query: TidemarkQuery;
  /** The rollup that is asked, where it is known. */
  rollup?: Rollup;
  variables: Array<ComboboxOption<string>>;
  /** Whether the query is one of an alert rule, which nothing can be streamed to. */
  isAlert: boolean;
  onChange: (change: Partial<TidemarkQuery>) => void;
}

const SHIFTS: Array<ComboboxOption<string>> = [
  { value: '', label: 'none', description: 'The values of the time range itself' },
  { value: '1d', label: 'a day before', description: 'At the same time of day' },
  { value: '1w', label: 'a week before', description: 'On the same day of the week' },
];

const READ_MODES: Array<{ value: ReadMode; label: string; description: string }> = [
  { value: 'live', label: 'Live', description: 'All there is, windows that still change included' },
  { value: 'sealed', label: 'Sealed', description: 'Up to the tidemark: only windows that do not change any more' },
  {
    value: 'stream',
    label: 'Live stream',
    description: 'Live, and goes on by itself: the panel moves with what the sidecars count, without a refresh',
  },
];

/** Which time is read, how finely and how far, and how it is drawn. */
export function TimeClauses({ query, rollup, variables, isAlert, onChange }: Props) {
  const id = useId();
  const modes = READ_MODES.filter(({ value }) => value !== 'stream' || !isAlert || query.read === value);
  return (
    <>
      <Choice
        word="compare with"
        name="an earlier time"
        tooltip="Draws the values of an earlier time at the present times: add it as a second query to compare."
        options={[...SHIFTS, ...variables]}
        value={query.shift ?? ''}
        createCustomValue
        invalid={!isDuration(query.shift)}
        onChange={(shift) => onChange({ shift: shift.trim() || undefined })}
        hint="Or type how much earlier, such as 90m, 12h, 2d or 4w"
        minWidth={12}
      />
      <Text
        word="smooth over"
        name="points"
        tooltip="Each value is computed over this many points, its own and those before it: 2 to 1,000. Empty: its own only."
        value={query.movingAverage ? String(query.movingAverage) : ''}
        placeholder="off"
        inputMode="numeric"
        invalid={!isMovingAverage(query.movingAverage || undefined)}
        minWidth={8}
        onCommit={(text) => onChange({ movingAverage: toNumber(text) })}
      />
      <Choice
        word="tier"
        name="length"
        tooltip="Length of the windows that are read. Auto chooses for the panel's interval, and reads the newest time from finer ones."
        options={[{ value: 'auto', label: 'Auto' }, ...tierOptions(rollup), ...variables]}
        value={query.tier}
        onChange={(tier) => onChange({ tier })}
        hint="What a tier does not have yet is read from finer ones"
        minWidth={10}
      />
      <Clause
        word="read"
        name="mode"
        labelId={`${id}read-label`}
        tooltip="Live shows all there is. Sealed stops at the tidemark, where every window is final: right for alerts. Live stream adds the last seconds as they happen."
      >
        <RadioButtonGroup
          id={`${id}read`}
          aria-label="Read mode"
          options={modes}
          value={query.read ?? 'live'}
          onChange={(read) => onChange({ read })}
        />
      </Clause>
    </>
  );
}

/** The tiers with the time that each covers, where that is known. */
function tierOptions(rollup: Rollup | undefined): Array<ComboboxOption<string>> {
  const { tiers = [], tierProgress = [] } = rollup ?? {};
  return tiers.map((value) => {
    const progress = tierProgress.find(({ tier }) => tier === value);
    if (tierProgress.length === 0) {
      return { value, label: value };
    }
    return { value, label: value, description: progress ? span(progress.from, progress.through) : 'Nothing yet' };
  });
}

function span(from?: string | null, through?: string | null): string {
  const begin = from ? `from ${time(from)}` : 'from the beginning';
  return `${begin} ${through ? `to ${time(through)}` : 'to the present'}`;
}

function time(text: string): string {
  return dateTimeFormat(text, { format: 'YYYY-MM-DD HH:mm' });
}
