import { dateTimeFormat } from '@grafana/data';
import { type ComboboxOption, RadioButtonGroup } from '@grafana/ui';
import { useId } from 'react';
import { t } from '../i18n';
import { isDuration, isMovingAverage, toNumber, unsaid, withFormat } from '../query';
import { hasTables, isStreamed } from '../stat';
import { type Format, type ReadMode, type Rollup, type TidemarkQuery } from '../types';
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

const shifts = (): Array<ComboboxOption<string>> => [
  {
    value: '',
    label: t('time-clauses.shift-none', 'none'),
    description: t('time-clauses.shift-none-description', 'The values of the time range itself'),
  },
  {
    value: '1d',
    label: t('time-clauses.shift-day', 'a day before'),
    description: t('time-clauses.shift-day-description', 'At the same time of day'),
  },
  {
    value: '1w',
    label: t('time-clauses.shift-week', 'a week before'),
    description: t('time-clauses.shift-week-description', 'On the same day of the week'),
  },
];

/** Which time is read, how finely and how far, and how it is drawn. */
export function TimeClauses({ query, rollup, variables, isAlert, onChange }: Props) {
  const id = useId();
  const isTable = query.format === 'table';
  const standard = unsaid(isAlert).read;
  return (
    <>
      <Choice
        word={t('time-clauses.shift', 'compare with')}
        name={t('time-clauses.shift-name', 'an earlier time')}
        tooltip={t(
          'time-clauses.shift-tooltip',
          'Draws the values of an earlier time at the present times: add it as a second query to compare.'
        )}
        options={[...shifts(), ...variables]}
        value={query.shift ?? ''}
        createCustomValue
        invalid={!isDuration(query.shift)}
        onChange={(shift) => onChange({ shift: shift.trim() || undefined })}
        hint={t('time-clauses.shift-hint', 'Or type how much earlier, such as 90m, 12h, 2d or 4w')}
        minWidth={12}
      />
      {!isTable && (
        <Text
          word={t('time-clauses.average', 'smooth over')}
          name={t('time-clauses.average-name', 'points')}
          tooltip={t(
            'time-clauses.average-tooltip',
            'Each value is computed over this many points, its own and those before it: 2 to 1,000. Empty: its own only.'
          )}
          value={query.movingAverage ? String(query.movingAverage) : ''}
          placeholder={t('time-clauses.average-placeholder', 'off')}
          inputMode="numeric"
          invalid={!isMovingAverage(query.movingAverage || undefined)}
          minWidth={8}
          onCommit={(text) => onChange({ movingAverage: toNumber(text) })}
        />
      )}
      <Choice
        word={t('time-clauses.tier', 'tier')}
        name={t('time-clauses.tier-name', 'length')}
        tooltip={t(
          'time-clauses.tier-tooltip',
          "Length of the windows that are read. Auto chooses for the panel's interval, and reads the newest time from finer ones."
        )}
        options={[{ value: 'auto', label: t('time-clauses.tier-auto', 'Auto') }, ...tierOptions(rollup), ...variables]}
        value={query.tier}
        onChange={(tier) => onChange({ tier })}
        hint={t('time-clauses.tier-hint', 'What a tier does not have yet is read from finer ones')}
        minWidth={10}
      />
      <Clause
        word={t('time-clauses.format', 'as')}
        name={t('time-clauses.format-name', 'format')}
        labelId={`${id}format-label`}
        tooltip={t(
          'time-clauses.format-tooltip',
          'Series have a value for each point of time. A table has one exact value of the whole time range for each series, the largest first.'
        )}
      >
        <RadioButtonGroup<Format>
          id={`${id}format`}
          aria-label={t('time-clauses.format-label', 'Format')}
          options={[
            { value: 'series', label: t('time-clauses.series', 'Series') },
            {
              value: 'table',
              label: t('time-clauses.table', 'Table'),
              description: hasTables(query.stat)
                ? undefined
                : t('time-clauses.table-delta-description', 'Not of a delta, which compares points of time'),
            },
          ]}
          disabledOptions={hasTables(query.stat) ? [] : ['table']}
          value={query.format ?? 'series'}
          onChange={(format) => onChange(withFormat(query, format))}
        />
      </Clause>
      <Clause
        word={t('time-clauses.read', 'read')}
        name={t('time-clauses.read-name', 'mode')}
        labelId={`${id}read-label`}
        tooltip={t(
          'time-clauses.read-tooltip',
          'Live shows all there is. Sealed stops at the tidemark, up to which windows are whole: right for alerts. Live stream adds the last seconds as they happen.'
        )}
      >
        <RadioButtonGroup<ReadMode>
          id={`${id}read`}
          aria-label={t('time-clauses.read-label', 'Read mode')}
          options={[
            {
              value: 'live',
              label: t('time-clauses.live', 'Live'),
              description: t('time-clauses.live-description', 'All there is, windows that still change included'),
            },
            {
              value: 'sealed',
              label: t('time-clauses.sealed', 'Sealed'),
              description: t(
                'time-clauses.sealed-description',
                'Up to the tidemark: whole windows, which only late corrections change'
              ),
            },
            {
              value: 'stream',
              label: t('time-clauses.stream', 'Live stream'),
              description: streamDescription(query, isAlert),
            },
          ]}
          disabledOptions={(isAlert || isTable) && query.read !== 'stream' ? ['stream'] : []}
          value={query.read ?? standard}
          onChange={(read) => onChange({ read: read === standard ? undefined : read })}
        />
      </Clause>
    </>
  );
}

/** What a stream does, or why there is none. */
function streamDescription({ stat, shift, movingAverage, format }: TidemarkQuery, isAlert: boolean): string {
  if (format === 'table') {
    return t('time-clauses.stream-table-description', 'Not for a table, which has no points that could be added');
  }
  if (isAlert) {
    return t('time-clauses.stream-alert-description', 'Not for alert rules: they are evaluated up to the tidemark');
  }
  if (shift || movingAverage || !isStreamed(stat)) {
    return t(
      'time-clauses.stream-polled-description',
      'Live, and goes on by itself. Sidecars do not tell this query, so Elasticsearch is asked every few seconds'
    );
  }
  return t(
    'time-clauses.stream-description',
    'Live, and goes on by itself: the panel moves with what the sidecars count, without a refresh'
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
    return {
      value,
      label: value,
      description: progress ? span(progress.from, progress.through) : t('time-clauses.tier-nothing', 'Nothing yet'),
    };
  });
}

function span(from?: string | null, through?: string | null): string {
  const times = { from: from ? time(from) : '', to: through ? time(through) : '' };
  if (from && through) {
    return t('time-clauses.tier-from-to', 'from {{from}} to {{to}}', times);
  }
  if (from) {
    return t('time-clauses.tier-from', 'from {{from}} to the present', times);
  }
  return through
    ? t('time-clauses.tier-to', 'from the beginning to {{to}}', times)
    : t('time-clauses.tier-all', 'from the beginning to the present');
}

function time(text: string): string {
  return dateTimeFormat(text, { format: 'YYYY-MM-DD HH:mm' });
}
