import { CoreApp, type QueryEditorProps } from '@grafana/data';
import { useEffect } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { useChange } from '../hooks/useChange';
import { useRollups } from '../hooks/useRollups';
import { fitToRollup, isComplete, withDefaults } from '../query';
import { type TidemarkOptions, type TidemarkQuery } from '../types';
import { QueryForm } from './QueryForm';

type Props = QueryEditorProps<TidemarkDataSource, TidemarkQuery, TidemarkOptions>;

/** Connects the form to Grafana: loads the rollups, chooses the first for a new query, and runs a query that is complete. */
export function QueryEditor({ datasource, query: stored, app, range, onChange, onRunQuery }: Props) {
  const state = useRollups(datasource);
  const query = withDefaults({ ...stored, read: stored.read ?? (app === CoreApp.UnifiedAlerting ? 'sealed' : 'live') });
  const first = state.rollups[0];
  const isNew = !query.rollup;

  const change = useChange(query, (next) => {
    onChange(next);
    if (isComplete(next)) {
      onRunQuery();
    }
  });

  useEffect(() => {
    if (isNew && first) {
      change(fitToRollup(query, first));
    }
    // Only the arrival of the list fills in the rollup.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [isNew, first]);

  return <QueryForm datasource={datasource} query={query} app={app} range={range} state={state} onChange={change} />;
}
