import { Alert, Button } from '@grafana/ui';
import { type RollupsState } from '../hooks/useRollups';

interface Props {
  state: RollupsState;
  /** The rollup that is asked for, after variables are replaced. */
  rollup: string;
}

/** Says what to do when there is nothing to choose from, or the chosen rollup is not there. */
export function RollupsMessage({ state, rollup }: Props) {
  const { rollups, loading, error, reload } = state;
  if (loading) {
    return null;
  }
  if (error) {
    return (
      <Alert title="The rollups could not be loaded" severity="error" bottomSpacing={0}>
        <p>{error}</p>
        <p>Check the URL and the authentication in the settings of this data source, then try again.</p>
        <Button size="sm" variant="secondary" icon="sync" onClick={reload}>
          Try again
        </Button>
      </Alert>
    );
  }
  if (rollups.length === 0) {
    return (
      <Alert title="There are no rollups yet" severity="info" bottomSpacing={0}>
        <p>
          Start the sidecar with <code>tidemark run --config FILE</code>, and check that its{' '}
          <code>elasticsearch.index_prefix</code> is the index prefix in the settings of this data source. The sidecar
          lists its rollups here as soon as it has started.
        </p>
        <Button size="sm" variant="secondary" icon="sync" onClick={reload}>
          Look again
        </Button>
      </Alert>
    );
  }
  if (rollup && !rollups.some(({ name }) => name === rollup)) {
    return (
      <Alert title={`There is no rollup "${rollup}"`} severity="warning" bottomSpacing={0}>
        Choose another one; the dimensions and measures that it also has are kept.
      </Alert>
    );
  }
  return null;
}
