import { useCallback, useEffect, useState } from 'react';
import { type TidemarkDataSource } from '../datasource';
import { errorMessage } from '../errors';
import { t } from '../i18n';
import { type Rollup } from '../types';

export interface RollupsState {
  rollups: Rollup[];
  loading: boolean;
  /** Why the list could not be loaded. */
  error?: string;
  reload: () => void;
}

/** The rollups that the data source knows. */
export function useRollups(datasource: TidemarkDataSource): RollupsState {
  const [state, setState] = useState<Omit<RollupsState, 'reload'>>({ rollups: [], loading: true });
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    let unmounted = false;
    const settle = (settled: Omit<RollupsState, 'reload' | 'loading'>) => {
      if (!unmounted) {
        setState({ ...settled, loading: false });
      }
    };
    datasource.getRollups().then(
      (rollups) => settle({ rollups }),
      (error: unknown) => settle({ rollups: [], error: errorMessage(error) })
    );
    return () => {
      unmounted = true;
    };
  }, [datasource, attempt]);

  const reload = useCallback(() => {
    setState((before) => ({ rollups: before.rollups, loading: true }));
    setAttempt((before) => before + 1);
  }, []);

  return { ...state, reload };
}

/** What a menu of rollups shows while none is chosen. */
export function rollupPlaceholder({ loading }: RollupsState): string {
  return loading ? t('rollups.loading', 'Loading…') : t('rollups.choose', 'Choose a rollup');
}
