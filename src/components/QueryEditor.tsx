import { CoreApp, type QueryEditorProps } from '@grafana/data';
import { Stack } from '@grafana/ui';
import { useEffect } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { useChange } from '../hooks/useChange';
import { useExample } from '../hooks/useExample';
import { useRollups } from '../hooks/useRollups';
import { isNewer, migrate, QUERY_VERSION } from '../migrate';
import { keepRollup, newQuery, rollupToBeginWith } from '../newQuery';
import { isComplete, withDefaults } from '../query';
import { type TidemarkOptions, type TidemarkQuery } from '../types';
import { CodeForm } from './CodeForm';
import { NewerQuery } from './NewerQuery';
import { QueryForm } from './QueryForm';
import { ReadingLine } from './ReadingLine';
import { RollupsMessage } from './RollupsMessage';

type Props = QueryEditorProps<TidemarkDataSource, TidemarkQuery, TidemarkOptions>;

/** Brings a saved query up to date before it is edited. */
export function QueryEditor({ query, onChange, ...props }: Props) {
  return isNewer(query) ? (
    <NewerQuery version={query.version ?? 0} onEdit={() => onChange({ ...query, version: QUERY_VERSION })} />
  ) : (
    <CurrentQuery {...props} query={migrate(query)} onChange={onChange} />
  );
}

/** Connects the forms to Grafana: loads the rollups, begins a new query, and runs a query that is complete. */
function CurrentQuery({ datasource, query: saved, app, range, data, onChange, onRunQuery }: Props) {
  const state = useRollups(datasource);
  const query = withDefaults(saved);
  const rollupName = datasource.interpolate(query.rollup);
  const rollup = state.rollups.find(({ name }) => name === rollupName);
  const isNew = !query.rollup;
  const first = isNew ? rollupToBeginWith(datasource.uid, state.rollups) : undefined;

  const apply = (next: TidemarkQuery) => {
    if (!isNew && next.rollup !== query.rollup) {
      keepRollup(datasource.uid, datasource.interpolate(next.rollup));
    }
    onChange(next);
    if (isComplete(next) && next.editorMode === query.editorMode) {
      onRunQuery();
    }
  };
  const change = useChange(query, apply);

  useExample(datasource.examples, saved, onRunQuery);

  useEffect(() => {
    if (first) {
      change(newQuery(query, first, app === CoreApp.UnifiedAlerting));
    }
    // Only the arrival of the list fills in the rollup.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [first]);

  return (
    <Stack direction="column" gap={1}>
      <RollupsMessage state={state} rollup={rollupName} />
      {query.editorMode === 'code' ? (
        <CodeForm query={saved} onChange={apply} onRunQuery={onRunQuery} />
      ) : (
        <QueryForm
          datasource={datasource}
          query={query}
          app={app}
          range={range}
          state={state}
          rollup={rollup}
          onChange={change}
        />
      )}
      <ReadingLine query={query} rollup={rollup} data={data} />
    </Stack>
  );
}
