import { Trans } from '@grafana/i18n';
import { Alert, Button } from '@grafana/ui';
import { type RollupsState } from '../hooks/useRollups';
import { t } from '../i18n';

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
      <Alert title={t('rollups.failed.title', 'The rollups could not be loaded')} severity="error" bottomSpacing={0}>
        <p>{error}</p>
        <p>
          <Trans i18nKey="rollups.failed.text">
            Check the URL and the authentication in the settings of this data source, then try again.
          </Trans>
        </p>
        <Button size="sm" variant="secondary" icon="sync" onClick={reload}>
          <Trans i18nKey="rollups.failed.retry">Try again</Trans>
        </Button>
      </Alert>
    );
  }
  if (rollups.length === 0) {
    return (
      <Alert title={t('rollups.none.title', 'There are no rollups yet')} severity="info" bottomSpacing={0}>
        <p>
          <Trans i18nKey="rollups.none.text">
            Start the sidecar with <code>tidemark run --config FILE</code>, and check that its{' '}
            <code>elasticsearch.index_prefix</code> is the index prefix in the settings of this data source. The sidecar
            lists its rollups here as soon as it has started.
          </Trans>
        </p>
        <Button size="sm" variant="secondary" icon="sync" onClick={reload}>
          <Trans i18nKey="rollups.none.retry">Look again</Trans>
        </Button>
      </Alert>
    );
  }
  if (rollup && !rollups.some(({ name }) => name === rollup)) {
    return (
      <Alert
        title={t('rollups.missing.title', 'There is no rollup "{{rollup}}"', { rollup })}
        severity="warning"
        bottomSpacing={0}
      >
        <Trans i18nKey="rollups.missing.text">
          Choose another one; the dimensions and measures that it also has are kept.
        </Trans>
      </Alert>
    );
  }
  return null;
}
