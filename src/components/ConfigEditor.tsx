import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { Trans } from '@grafana/i18n';
import { Alert, Divider, Stack, Text, TextLink } from '@grafana/ui';
import { isExposed, type Settings } from '../auth';
import { t } from '../i18n';
import { sidecarUrls } from '../sidecars';
import { type TidemarkOptions, type TidemarkSecureOptions } from '../types';
import { AuthSettings } from './AuthSettings';
import { ConnectionSettings } from './ConnectionSettings';
import { HeaderSettings } from './HeaderSettings';
import { Section } from './Section';
import { Setting } from './Setting';
import { SidecarSettings } from './SidecarSettings';
import { TlsSettings } from './TlsSettings';

type Props = DataSourcePluginOptionsEditorProps<TidemarkOptions, TidemarkSecureOptions>;

const DEFAULT_CACHE = '64';
const DOCS = 'https://github.com/tidemark/tidemark/blob/main/docs/query-editor.md#settings-of-the-data-source';

/** The settings page of the data source. */
export function ConfigEditor(props: Props) {
  const { options } = props;
  const { jsonData } = options;
  const hasHeaders = Object.keys(jsonData).some((key) => key.startsWith('httpHeaderName'));
  return (
    <Stack direction="column" gap={2}>
      <Introduction />
      <Divider spacing={0} />
      <ConnectionSettings {...props} />
      <Divider spacing={0} />
      <AuthSettings {...props} />
      <TlsSettings {...props} />
      <Warnings options={options} />
      <Divider spacing={0} />
      <Section
        title={t('config.live.title', 'Live stream')}
        description={t(
          'config.live.description',
          'The sidecars that tell panels which read the live stream what they count. Without any, these panels ask the cluster every few seconds.'
        )}
        isOpen={sidecarUrls(jsonData).length > 0}
      >
        <SidecarSettings {...props} />
      </Section>
      <Divider spacing={0} />
      <Section
        title={t('config.additional.title', 'Additional settings')}
        description={t(
          'config.additional.description',
          'How long a request may take, how much is kept, and headers for a proxy before the cluster.'
        )}
        isOpen={jsonData.timeout !== undefined || jsonData.cacheMiB !== undefined || hasHeaders}
      >
        <Limits {...props} />
        <HeaderSettings {...props} />
      </Section>
    </Stack>
  );
}

function Introduction() {
  return (
    <Stack direction="column" gap={1}>
      <Text element="p" color="secondary">
        <Trans i18nKey="config.introduction">
          Tell the data source where the sidecar writes its rollups, here or in a provisioning file. The{' '}
          <TextLink href={DOCS} external inline>
            documentation
          </TextLink>{' '}
          explains every setting.
        </Trans>
      </Text>
      <Text element="p" color="secondary" italic>
        <Trans i18nKey="config.required">Fields marked with * are required</Trans>
      </Text>
    </Stack>
  );
}

/** What few need to change. */
function Limits({ options, onOptionsChange }: Props) {
  const { jsonData, readOnly } = options;
  const change = (changed: Partial<TidemarkOptions>) =>
    onOptionsChange({ ...options, jsonData: { ...jsonData, ...changed } });
  return (
    <>
      <Setting
        label={t('config.timeout.label', 'Timeout')}
        tooltip={t(
          'config.timeout.tooltip',
          "How many seconds a request to the cluster may take. Empty: what Grafana's server is set to."
        )}
        placeholder={t('config.timeout.placeholder', 'Seconds')}
        type="number"
        min={1}
        disabled={readOnly}
        value={jsonData.timeout ?? ''}
        onChange={(text) => change({ timeout: wholeNumber(text) || undefined })}
      />
      <Setting
        label={t('config.cache.label', 'Cache')}
        tooltip={t(
          'config.cache.tooltip',
          'How many MiB the answers take that are kept of sealed windows: up to 1,024, and 0 keeps none. Empty: 64.'
        )}
        placeholder={DEFAULT_CACHE}
        type="number"
        min={0}
        max={1024}
        disabled={readOnly}
        value={jsonData.cacheMiB ?? ''}
        onChange={(text) => change({ cacheMiB: wholeNumber(text) })}
      />
    </>
  );
}

function wholeNumber(text: string): number | undefined {
  const number = Number.parseInt(text, 10);
  return number >= 0 ? number : undefined;
}

function Warnings({ options }: { options: Settings }) {
  return (
    <>
      {options.jsonData.tlsSkipVerify && (
        <Alert
          severity="warning"
          title={t('config.unverified.title', "The server's certificate is not verified")}
          bottomSpacing={0}
        >
          <Trans i18nKey="config.unverified.text">
            Whoever can answer in the server&apos;s place can read the credentials and change the data. Add the
            certificate of the authority that signed the server&apos;s certificate instead.
          </Trans>
        </Alert>
      )}
      {isExposed(options) && (
        <Alert
          severity="warning"
          title={t('config.exposed.title', 'The credentials are sent unencrypted')}
          bottomSpacing={0}
        >
          <Trans i18nKey="config.exposed.text">Use an https:// address, so that nobody on the way can read them.</Trans>
        </Alert>
      )}
    </>
  );
}
