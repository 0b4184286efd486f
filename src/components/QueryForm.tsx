import { CoreApp, type TimeRange } from '@grafana/data';
import { Stack } from '@grafana/ui';
import { useId } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { variableOptions } from '../hooks/useDimensionValues';
import { type RollupsState } from '../hooks/useRollups';
import { fitToRollup } from '../query';
import { type TidemarkQuery } from '../types';
import { Choice } from './Choice';
import { Clause } from './Clause';
import { Filters } from './Filters';
import { rollupOptions, toOptions } from './options';
import { PillsField } from './PillsField';
import { RollupsMessage } from './RollupsMessage';
import { SeriesClauses } from './SeriesClauses';
import { StatClauses } from './StatClauses';
import { TimeClauses } from './TimeClauses';

interface Props {
  datasource: TidemarkDataSource;
  query: TidemarkQuery;
  app?: CoreApp;
  range?: TimeRange;
  state: RollupsState;
  onChange: (query: TidemarkQuery) => void;
}

/** The query as a sentence: show what, of which rollup, by what, where, and how much of it. */
export function QueryForm({ datasource, query, app, range, state, onChange }: Props) {
  const id = useId();
  const variables = variableOptions(datasource);
  const rollupName = datasource.interpolate(query.rollup);
  const rollup = state.rollups.find(({ name }) => name === rollupName);
  const context = { query, rollup, variables };
  const update = (change: Partial<TidemarkQuery>) => onChange({ ...query, ...change });

  const changeRollup = (name: string) => {
    const next = state.rollups.find((listed) => listed.name === datasource.interpolate(name));
    onChange(next ? { ...fitToRollup(query, next), rollup: name } : { ...query, rollup: name });
  };

  return (
    <Stack direction="column" gap={1}>
      <RollupsMessage state={state} rollup={rollupName} />
      <Stack wrap="wrap" gap={1}>
        <StatClauses {...context} onChange={onChange} />
        <Choice
          word="from"
          name="rollup"
          tooltip="The aggregation that the sidecar keeps. The menu tells its stream, its windows and its dimensions."
          placeholder={state.loading ? 'Loading…' : 'Choose a rollup'}
          options={[...rollupOptions(state.rollups), ...variables]}
          value={query.rollup || null}
          onChange={changeRollup}
          hint="Another one keeps what it also has of the query"
          minWidth={20}
        />
        <Clause
          word="by"
          name="dimensions"
          labelId={`${id}group-label`}
          tooltip="One series for each combination of values. Without a dimension there is one series in all."
        >
          <PillsField
            labelId={`${id}group-label`}
            placeholder="no dimension"
            options={[...toOptions(rollup?.dimensions ?? []), ...variables]}
            value={toOptions(query.groupBy)}
            onChange={(groupBy) => update({ groupBy })}
            minWidth={24}
            maxWidth={60}
          />
        </Clause>
      </Stack>
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
        <TimeClauses {...context} isAlert={app === CoreApp.UnifiedAlerting} onChange={update} />
      </Stack>
    </Stack>
  );
}
