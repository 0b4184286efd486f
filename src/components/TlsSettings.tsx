import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { Box, Checkbox } from '@grafana/ui';
import { type ReactNode } from 'react';
import { t } from '../i18n';
import { type TidemarkOptions, type TidemarkSecureOptions } from '../types';
import { SecretSetting } from './SecretSetting';
import { Section } from './Section';
import { Setting } from './Setting';

type Props = DataSourcePluginOptionsEditorProps<TidemarkOptions, TidemarkSecureOptions>;
type Secret = keyof TidemarkSecureOptions;

const ROWS = 6;
const EXAMPLES = {
  certificate: '-----BEGIN CERTIFICATE-----',
  key: '-----BEGIN PRIVATE KEY-----',
  name: 'es.example.com',
};

/** How the connections to the cluster and to the sidecars are encrypted, and who is trusted. */
export function TlsSettings(props: Props) {
  const { options, onOptionsChange } = props;
  const { jsonData, secureJsonData, secureJsonFields } = options;

  /** Changes settings, and forgets the secrets that they have no use for. */
  const change = (changed: Partial<TidemarkOptions>, unused: Secret[] = []) =>
    onOptionsChange({
      ...options,
      jsonData: { ...jsonData, ...changed },
      secureJsonData: { ...secureJsonData, ...Object.fromEntries(unused.map((name) => [name, ''])) },
      secureJsonFields: { ...secureJsonFields, ...Object.fromEntries(unused.map((name) => [name, false])) },
    });

  return (
    <Section
      title={t('config.tls.title', 'TLS settings')}
      description={t('config.tls.description', 'For https:// addresses of the cluster and of the sidecars.')}
    >
      <Choice
        label={t('config.tls.authority.label', 'Add self-signed certificate')}
        description={t(
          'config.tls.authority.description',
          'Trusts a certificate authority of your own, beside those that the machine trusts'
        )}
        value={jsonData.tlsAuthWithCACert}
        disabled={options.readOnly}
        onChange={(on) => change({ tlsAuthWithCACert: on }, on ? [] : ['tlsCACert'])}
      >
        <SecretSetting
          {...props}
          name="tlsCACert"
          label={t('config.tls.ca-certificate.label', 'CA certificate')}
          tooltip={t('config.tls.ca-certificate.tooltip', "The authority's certificate, in PEM.")}
          placeholder={EXAMPLES.certificate}
          rows={ROWS}
          required
        />
      </Choice>
      <Choice
        label={t('config.tls.client.label', 'TLS client authentication')}
        description={t('config.tls.client.description', 'Shows a certificate to servers that ask for one')}
        value={jsonData.tlsAuth}
        disabled={options.readOnly}
        onChange={(on) =>
          change(
            { tlsAuth: on, serverName: on ? jsonData.serverName : undefined },
            on ? [] : ['tlsClientCert', 'tlsClientKey']
          )
        }
      >
        <Setting
          label={t('config.tls.server-name.label', 'Server name')}
          tooltip={t(
            'config.tls.server-name.tooltip',
            "The name that is looked for in the server's certificate. Empty: the name in the address."
          )}
          placeholder={EXAMPLES.name}
          disabled={options.readOnly}
          value={jsonData.serverName ?? ''}
          onChange={(serverName) => change({ serverName })}
        />
        <SecretSetting
          {...props}
          name="tlsClientCert"
          label={t('config.tls.client-certificate.label', 'Client certificate')}
          tooltip={t('config.tls.client-certificate.tooltip', 'The certificate that is shown, in PEM.')}
          placeholder={EXAMPLES.certificate}
          rows={ROWS}
          required
        />
        <SecretSetting
          {...props}
          name="tlsClientKey"
          label={t('config.tls.client-key.label', 'Client key')}
          tooltip={t('config.tls.client-key.tooltip', "The certificate's private key, in PEM.")}
          placeholder={EXAMPLES.key}
          rows={ROWS}
          required
        />
      </Choice>
      <Choice
        label={t('config.tls.skip.label', 'Skip TLS certificate validation')}
        description={t('config.tls.skip.description', 'For tests only: anybody can answer in the place of the server')}
        value={jsonData.tlsSkipVerify}
        disabled={options.readOnly}
        onChange={(on) => change({ tlsSkipVerify: on })}
      />
    </Section>
  );
}

interface ChoiceProps {
  label: string;
  description: string;
  value?: boolean;
  disabled: boolean;
  onChange: (on: boolean) => void;
  /** What is to be set while it is on. */
  children?: ReactNode;
}

function Choice({ label, description, value = false, disabled, onChange, children }: ChoiceProps) {
  return (
    <Box marginBottom={2}>
      <Checkbox
        label={label}
        description={description}
        value={value}
        disabled={disabled}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />
      {value && children && (
        <Box marginTop={1} marginLeft={3}>
          {children}
        </Box>
      )}
    </Box>
  );
}
