import { CoreApp, type TimeRange } from '@grafana/data';
import { Stack } from '@grafana/ui';
import { useId } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { variableOptions } from '../hooks/useDimensionValues';
import { rollupPlaceholder, type RollupsState } from '../hooks/useRollups';
import { t } from '../i18n';
import { fitToRollup } from '../query';
import { type Rollup, type TidemarkQuery } from '../types';
import { AlertWarnings } from './AlertWarnings';
import { Choice } from './Choice';
import { Clause } from './Clause';
import { EditorHead } from './EditorHead';
import { Filters } from './Filters';
import { ModeSwitch } from './ModeSwitch';
import { rollupOptions, toOptions } from './options';
import { PillsField } from './PillsField';
import { SeriesClauses } from './SeriesClauses';
import { StatClauses } from './StatClauses';
import { TimeClauses } from './TimeClauses';

interface Props {
  datasource: TidemarkDataSource;
  query: TidemarkQuery;
  app?: CoreApp;
  range?: TimeRange;
  state: RollupsState;
  /** The rollup that is asked, where it is known. */
  rollup?: Rollup;
  onChange: (query: TidemarkQuery) => void;
}

/** The query as a sentence: show what, of which rollup, by what, where, and how much of it. */
export function QueryForm({ datasource, query, app, range, state, rollup, onChange }: Props) {
  const id = useId();
  const variables = variableOptions(datasource);
  const context = { query, rollup, variables, isAlert: app === CoreApp.UnifiedAlerting };
  const update = (change: Partial<TidemarkQuery>) => onChange({ ...query, ...change });

  const changeRollup = (name: string) => {
    const next = state.rollups.find((listed) => listed.name === datasource.interpolate(name));
    onChange(next ? { ...fitToRollup(query, next), rollup: name } : { ...query, rollup: name });
  };

  return (
    <>
      <EditorHead aside={<ModeSwitch mode="builder" onChange={(editorMode) => update({ editorMode })} />}>
        <Stack wrap="wrap" gap={1}>
          <StatClauses {...context} onChange={onChange} />
          <Choice
            word={t('query-form.rollup', 'from')}
            name={t('query-form.rollup-name', 'rollup')}
            tooltip={t(
              'query-form.rollup-tooltip',
              'The aggregation that the sidecar keeps. The menu tells its stream, its windows and its dimensions.'
            )}
            placeholder={rollupPlaceholder(state)}
            options={[...rollupOptions(state.rollups), ...variables]}
            value={query.rollup || null}
            onChange={changeRollup}
            hint={t('query-form.rollup-hint', 'Another one keeps what it also has of the query')}
            minWidth={20}
          />
          <Clause
            word={t('query-form.dimensions', 'by')}
            name={t('query-form.dimensions-name', 'dimensions')}
            labelId={`${id}group-label`}
            tooltip={t(
              'query-form.dimensions-tooltip',
              'One series for each combination of values. Without a dimension there is one series in all.'
            )}
          >
            <PillsField
              labelId={`${id}group-label`}
              placeholder={t('query-form.dimensions-placeholder', 'no dimension')}
              options={[...toOptions(rollup?.dimensions ?? []), ...variables]}
              value={toOptions(query.groupBy)}
              onChange={(groupBy) => update({ groupBy })}
              minWidth={24}
              maxWidth={60}
            />
          </Clause>
        </Stack>
      </EditorHead>
      <Filters
        datasource={datasource}
        rollup={query.rollup}
        dimensions={rollup?.dimensions ?? []}
        filters={query.filters}
        range={range}
        onChange={(filters) => update({ filters })}
      />
      <Stack wrap="wrap" gap={1}>
        <SeriesClauses {...context} onChange={update} />
      </Stack>
      <Stack wrap="wrap" gap={1}>
        <TimeClauses {...context} onChange={update} />
      </Stack>
      {context.isAlert && <AlertWarnings query={query} />}
    </>
  );
}
