import { type ComboboxOption } from '@grafana/ui';
import { t } from '../i18n';
import { fitToStat, isPercentile, toNumber } from '../query';
import { DEFAULT_PERCENTILE, lacking, missingStats, type Statistic, statistic, STATS } from '../stat';
import { type Rollup, type Stat, type TidemarkQuery } from '../types';
import { Choice, Text } from './Choice';
import { toOptions } from './options';

interface Props {
  query: TidemarkQuery;
  /** The rollup that is asked, where it is known. */
  rollup?: Rollup;
  variables: Array<ComboboxOption<string>>;
  onChange: (query: TidemarkQuery) => void;
}

const allEvents = (): ComboboxOption<string> => ({ value: '', label: t('stat-clauses.all-events', 'all events') });

const MEASURE_TOOLTIP: Record<NonNullable<Statistic['of']>, () => string> = {
  measures: () => t('stat-clauses.measures-tooltip', 'A numeric field that the rollup aggregates.'),
  percentiles: () => t('stat-clauses.percentiles-tooltip', 'A numeric field that the rollup keeps percentiles of.'),
  distinct: () => t('stat-clauses.distinct-tooltip', 'A field whose different values the rollup counts.'),
};

/** What the sentence begins with: the statistic, and what it is of. */
export function StatClauses({ query, rollup, variables, onChange }: Props) {
  const { of, ofEvents, condition } = statistic(query.stat);
  const update = (change: Partial<TidemarkQuery>) => onChange({ ...query, ...change });
  const conditions = [...toOptions(rollup?.conditions ?? []), ...variables];
  return (
    <>
      <Choice<string>
        word={t('stat-clauses.stat', 'Show')}
        name={t('stat-clauses.stat-name', 'statistic')}
        tooltip={t(
          'stat-clauses.stat-tooltip',
          'What to compute for each point of time. The end of the menu says which statistics the rollup has nothing for.'
        )}
        options={statOptions(rollup, query.stat)}
        value={query.stat}
        onChange={(stat) => onChange(fitToStat({ ...query, stat: stat as Stat }, rollup))}
        minWidth={12}
      />
      {query.stat === 'percentile' && (
        <Text
          word={t('stat-clauses.percentile', 'at')}
          name={t('stat-clauses.percentile-name', 'percent')}
          tooltip={t(
            'stat-clauses.percentile-tooltip',
            'So many percent of the values are not above the one that is shown: 50 is the median, 99.9 is possible too.'
          )}
          value={String(query.percentile ?? '')}
          placeholder={String(DEFAULT_PERCENTILE)}
          inputMode="decimal"
          suffix="%"
          invalid={!isPercentile(query.percentile)}
          minWidth={9}
          onCommit={(text) => update({ percentile: toNumber(text) })}
        />
      )}
      {of && (
        <Choice
          word={t('stat-clauses.measure', 'of')}
          name={t('stat-clauses.measure-name', 'measure')}
          tooltip={MEASURE_TOOLTIP[of]()}
          placeholder={t('stat-clauses.measure-placeholder', 'Choose a measure')}
          options={[...(ofEvents ? [allEvents()] : []), ...toOptions(rollup?.[of] ?? []), ...variables]}
          value={query.measure ?? (ofEvents ? '' : null)}
          invalid={!ofEvents && !query.measure}
          onChange={(measure) => update({ measure: measure || undefined })}
          minWidth={14}
        />
      )}
      {condition === 'optional' && (rollup?.conditions.length || query.condition) && (
        <Choice
          word={t('stat-clauses.events', 'of')}
          name={t('stat-clauses.events-name', 'events')}
          tooltip={t(
            'stat-clauses.events-tooltip',
            "Only the events that met one of the rollup's conditions, or all of them."
          )}
          options={[allEvents(), ...conditions]}
          value={query.condition ?? ''}
          onChange={(name) => update({ condition: name || undefined })}
          minWidth={12}
        />
      )}
      {condition === 'required' && (
        <>
          <Choice
            word={t('stat-clauses.condition', 'of')}
            name={t('stat-clauses.condition-name', 'condition')}
            tooltip={t(
              'stat-clauses.condition-tooltip',
              'The events that met this condition are divided by those on the right.'
            )}
            placeholder={t('stat-clauses.condition-placeholder', 'Choose a condition')}
            options={conditions}
            value={query.condition ?? null}
            invalid={!query.condition}
            onChange={(name) => update({ condition: name })}
            minWidth={14}
          />
          <Choice
            word={t('stat-clauses.over', 'over')}
            name={t('stat-clauses.over-name', 'what it is divided by')}
            tooltip={t(
              'stat-clauses.over-tooltip',
              'All events of the rollup, or those that met another condition. Where there were none, there is no value.'
            )}
            options={[allEvents(), ...conditions]}
            value={query.over ?? ''}
            onChange={(name) => update({ over: name || undefined })}
            minWidth={12}
          />
        </>
      )}
    </>
  );
}

/** What the rollup can give, and in lines that cannot be chosen what it cannot. The chosen statistic stays in any case. */
function statOptions(rollup: Rollup | undefined, chosen: Stat): Array<ComboboxOption<string>> {
  const hints = (rollup ? missingStats(rollup) : []).map(({ needed, ...hint }) => ({
    ...hint,
    value: `\0${needed}`,
    infoOption: true,
  }));
  const given = STATS.filter(({ value }) => !rollup || value === chosen || !lacking(value, rollup));
  return [
    ...given.map(({ value, label, description }) => ({ value, label: label(), description: description() })),
    ...hints,
  ];
}
