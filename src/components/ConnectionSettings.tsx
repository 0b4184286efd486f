import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { t } from '../i18n';
import { isAddress } from '../sidecars';
import { type TidemarkOptions, type TidemarkSecureOptions } from '../types';
import { Section } from './Section';
import { Setting } from './Setting';

type Props = DataSourcePluginOptionsEditorProps<TidemarkOptions, TidemarkSecureOptions>;

const EXAMPLE = 'http://127.0.0.1:9200';
const DEFAULT_PREFIX = 'tidemark';

/** Where the rollups are. */
export function ConnectionSettings({ options, onOptionsChange }: Props) {
  const { url, jsonData, readOnly } = options;
  const isWrong = Boolean(url) && !isAddress(url);
  return (
    <Section
      title={t('config.connection.title', 'Connection')}
      description={t(
        'config.connection.description',
        'The Elasticsearch or OpenSearch cluster that the sidecar writes the rollups to.'
      )}
    >
      <Setting
        label={t('config.url.label', 'URL')}
        aria-label={t('config.url.name', 'Data source connection URL')}
        tooltip={t(
          'config.url.tooltip',
          "The address as Grafana's server reaches it, with http:// or https:// and the port."
        )}
        error={
          isWrong &&
          t('config.url.error', 'This is no address: it begins with http:// or https://, and has no user name in it')
        }
        placeholder={EXAMPLE}
        required
        disabled={readOnly}
        value={url}
        onChange={(text) => onOptionsChange({ ...options, url: text.trim() })}
      />
      <Setting
        label={t('config.index-prefix.label', 'Index prefix')}
        tooltip={t(
          'config.index-prefix.tooltip',
          "The first part of the names of Tidemark's indices: elasticsearch.index_prefix in the sidecar's configuration."
        )}
        placeholder={DEFAULT_PREFIX}
        disabled={readOnly}
        value={jsonData.indexPrefix ?? ''}
        onChange={(text) =>
          onOptionsChange({ ...options, jsonData: { ...jsonData, indexPrefix: text.trim() || undefined } })
        }
      />
    </Section>
  );
}
