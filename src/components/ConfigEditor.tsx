import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';
import {
  Auth,
  AuthMethod as FormMethod,
  ConfigSection,
  ConnectionSettings,
  convertLegacyAuthProps,
  DataSourceDescription,
} from '@grafana/plugin-ui';
import { Alert, Divider, InlineField, Input, Stack } from '@grafana/ui';
import { isPlain, sidecarUrls } from '../sidecars';
import { type AuthMethod, type TidemarkOptions, type TidemarkSecureOptions } from '../types';
import { SecretSetting } from './SecretSetting';
import { SidecarSettings } from './SidecarSettings';

type Props = DataSourcePluginOptionsEditorProps<TidemarkOptions, TidemarkSecureOptions>;
type Settings = Props['options'];

const API_KEY = 'custom-api-key';
const METHODS: Partial<Record<FormMethod | `custom-${string}`, AuthMethod>> = {
  [FormMethod.NoAuth]: 'none',
  [FormMethod.BasicAuth]: 'basic',
  [API_KEY]: 'apiKey',
};

/** The settings page of the data source. */
export function ConfigEditor({ options, onOptionsChange }: Props) {
  // The form's fields want a value from the start.
  const { basicAuthUser = '', jsonData } = options;
  const { tlsAuth = false, tlsSkipVerify = false } = jsonData;
  const auth = convertLegacyAuthProps({
    config: { ...options, basicAuthUser, jsonData: { ...jsonData, tlsAuth, tlsSkipVerify } },
    onChange: onOptionsChange,
  });
  return (
    <Stack direction="column" gap={2}>
      <DataSourceDescription
        dataSourceName="Tidemark"
        docsLink="https://github.com/tidemark/tidemark/tree/main/docs"
        hasRequiredFields
      />
      <Divider spacing={0} />
      <ConnectionSettings
        config={options}
        onChange={onOptionsChange}
        description="The Elasticsearch or OpenSearch cluster that the sidecar writes the rollups to."
        urlPlaceholder="http://127.0.0.1:9200"
        urlTooltip="The address as Grafana's server reaches it, with http:// or https:// and the port."
      />
      <IndexPrefix options={options} onOptionsChange={onOptionsChange} />
      <Divider spacing={0} />
      <Auth
        {...auth}
        selectedMethod={selectedMethod(options)}
        visibleMethods={[FormMethod.NoAuth, FormMethod.BasicAuth, API_KEY]}
        onAuthMethodSelect={(method) => onOptionsChange(withMethod(options, method))}
        customMethods={[
          {
            id: API_KEY,
            label: 'API key',
            description: 'An API key of Elasticsearch, sent as Authorization: ApiKey',
            component: (
              <SecretSetting
                name="apiKey"
                label="API key"
                placeholder="Encoded API key"
                tooltip="The encoded form of the key, as Elasticsearch gives it when the key is made. It needs to read the indices under the index prefix."
                options={options}
                onOptionsChange={onOptionsChange}
                required
                grow
              />
            ),
          },
        ]}
      />
      <Warnings options={options} />
      <Divider spacing={0} />
      <ConfigSection
        title="Live stream"
        description="The sidecars that tell panels which read the live stream what they count. Without any, these panels ask the cluster every few seconds."
        isCollapsible
        isInitiallyOpen={sidecarUrls(jsonData).length > 0}
      >
        <SidecarSettings options={options} onOptionsChange={onOptionsChange} />
      </ConfigSection>
      <Divider spacing={0} />
      <ConfigSection
        title="Additional settings"
        description="How long a request may take."
        isCollapsible
        isInitiallyOpen={options.jsonData.timeout !== undefined}
      >
        <Timeout options={options} onOptionsChange={onOptionsChange} />
      </ConfigSection>
    </Stack>
  );
}

function IndexPrefix({ options, onOptionsChange }: Props) {
  return (
    <InlineField
      label="Index prefix"
      labelWidth={24}
      htmlFor="index-prefix"
      tooltip="The first part of the names of Tidemark's indices: elasticsearch.index_prefix in the sidecar's configuration."
      disabled={options.readOnly}
    >
      <Input
        id="index-prefix"
        width={40}
        placeholder="tidemark"
        value={options.jsonData.indexPrefix ?? ''}
        onChange={({ currentTarget }) =>
          onOptionsChange({
            ...options,
            jsonData: { ...options.jsonData, indexPrefix: currentTarget.value.trim() || undefined },
          })
        }
      />
    </InlineField>
  );
}

function Timeout({ options, onOptionsChange }: Props) {
  const changeTimeout = (text: string) => {
    const seconds = Number.parseInt(text, 10);
    const timeout = seconds > 0 ? seconds : undefined;
    onOptionsChange({ ...options, jsonData: { ...options.jsonData, timeout } });
  };
  return (
    <InlineField
      label="Timeout"
      labelWidth={24}
      htmlFor="timeout"
      tooltip="How many seconds a request to the cluster may take. Empty: what Grafana's server is set to."
      disabled={options.readOnly}
    >
      <Input
        id="timeout"
        type="number"
        min={1}
        width={40}
        placeholder="Seconds"
        value={options.jsonData.timeout ?? ''}
        onChange={({ currentTarget }) => changeTimeout(currentTarget.value)}
      />
    </InlineField>
  );
}

function Warnings({ options }: { options: Settings }) {
  const { url, jsonData } = options;
  const isSent =
    (selectedMethod(options) !== FormMethod.NoAuth && isPlain(url)) ||
    (options.secureJsonFields.sidecarToken && sidecarUrls(jsonData).some(isPlain));
  return (
    <>
      {jsonData.tlsSkipVerify && (
        <Alert severity="warning" title="The server's certificate is not verified" bottomSpacing={0}>
          Whoever can answer in the server&apos;s place can read the credentials and change the data. Add the
          certificate of the authority that signed the server&apos;s certificate instead.
        </Alert>
      )}
      {isSent && (
        <Alert severity="warning" title="The credentials are sent unencrypted" bottomSpacing={0}>
          Use an https:// address, so that nobody on the way can read them.
        </Alert>
      )}
    </>
  );
}

function selectedMethod({ basicAuth, jsonData }: Settings): FormMethod | typeof API_KEY {
  switch (jsonData.authMethod ?? (basicAuth ? 'basic' : 'none')) {
    case 'apiKey':
      return API_KEY;
    case 'basic':
      return FormMethod.BasicAuth;
    case 'none':
      return FormMethod.NoAuth;
  }
}

function withMethod(options: Settings, method: FormMethod | `custom-${string}`): Settings {
  const authMethod = METHODS[method] ?? 'none';
  return {
    ...options,
    basicAuth: authMethod === 'basic',
    withCredentials: false,
    jsonData: { ...options.jsonData, authMethod },
  };
}
