import { Alert, Button, Stack } from '@grafana/ui';
import { t } from '../i18n';
import { QUERY_VERSION } from '../migrate';

interface Props {
  version: number;
  onEdit: () => void;
}

/** Stands in the place of the editor of a query that it might break. */
export function NewerQuery({ version, onEdit }: Props) {
  return (
    <Alert
      severity="warning"
      bottomSpacing={0}
      title={t('newer-query.title', 'A newer version of the plugin saved this query')}
    >
      <Stack direction="column" gap={1} alignItems="flex-start">
        {t(
          'newer-query.text',
          'Its form is {{version}}, and this version of the plugin knows the forms up to {{known}}. It is run as it is. Update the plugin to edit it; what this editor does not know may be lost otherwise.',
          { version, known: QUERY_VERSION }
        )}
        <Button size="sm" variant="secondary" onClick={onEdit}>
          {t('newer-query.edit', 'Edit it nevertheless')}
        </Button>
      </Stack>
    </Alert>
  );
}
