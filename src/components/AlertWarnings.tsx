import { Text } from '@grafana/ui';
import { t } from '../i18n';
import { type TidemarkQuery } from '../types';

/** Why an alert rule with the query could fire or recover though nothing happened. */
export function AlertWarnings({ query: { read, top } }: { query: TidemarkQuery }) {
  const warnings: string[] = [];
  if (read === 'live') {
    warnings.push(t('alert-warnings.live', 'A window that is still filling looks like a fall. Sealed leaves it out.'));
  }
  if (top) {
    warnings.push(
      t('alert-warnings.top', 'A series that others overtake is gone, and its alert with it. Without Top, all stay.')
    );
  }
  return warnings.map((warning) => (
    <Text key={warning} element="p" variant="bodySmall" color="warning">
      {warning}
    </Text>
  ));
}
