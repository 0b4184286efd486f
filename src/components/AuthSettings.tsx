import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { Combobox, type ComboboxOption, InlineField } from '@grafana/ui';
import { useId } from 'react';
import { authMethod, withAuthMethod } from '../auth';
import { useChange } from '../hooks/useChange';
import { t } from '../i18n';
import { type AuthMethod, type TidemarkOptions, type TidemarkSecureOptions } from '../types';
import { SecretSetting } from './SecretSetting';
import { Section } from './Section';
import { LABEL_WIDTH, Setting, WIDTH } from './Setting';

type Props = DataSourcePluginOptionsEditorProps<TidemarkOptions, TidemarkSecureOptions>;

/** How the data source proves to the cluster who it is. */
export function AuthSettings(props: Props) {
  const { options, onOptionsChange } = props;
  const id = useId();
  const method = authMethod(options);
  const choose = useChange(method, (chosen) => onOptionsChange(withAuthMethod(options, chosen)));
  return (
    <Section
      title={t('config.auth.title', 'Authentication')}
      description={t(
        'config.auth.description',
        'The data source needs to read the indices under the index prefix, and nothing else.'
      )}
    >
      <InlineField
        label={t('config.auth.method.label', 'Authentication method')}
        labelWidth={LABEL_WIDTH}
        htmlFor={id}
        disabled={options.readOnly}
      >
        <Combobox id={id} options={methods()} value={method} onChange={({ value }) => choose(value)} width={WIDTH} />
      </InlineField>
      {method === 'basic' && <BasicAuth {...props} />}
      {method === 'apiKey' && (
        <SecretSetting
          {...props}
          name="apiKey"
          label={t('config.api-key.label', 'API key')}
          placeholder={t('config.api-key.placeholder', 'Encoded API key')}
          tooltip={t(
            'config.api-key.tooltip',
            'The encoded form of the key, as Elasticsearch gives it when the key is made.'
          )}
          required
        />
      )}
    </Section>
  );
}

function BasicAuth(props: Props) {
  const { options, onOptionsChange } = props;
  return (
    <>
      <Setting
        label={t('config.user.label', 'User')}
        tooltip={t('config.user.tooltip', 'The name of a user of the cluster.')}
        placeholder={t('config.user.placeholder', 'User')}
        required
        disabled={options.readOnly}
        value={options.basicAuthUser ?? ''}
        onChange={(basicAuthUser) => onOptionsChange({ ...options, basicAuthUser })}
      />
      <SecretSetting
        {...props}
        name="basicAuthPassword"
        label={t('config.password.label', 'Password')}
        tooltip={t('config.password.tooltip', "This user's password.")}
        placeholder={t('config.password.placeholder', 'Password')}
        required
      />
    </>
  );
}

function methods(): Array<ComboboxOption<AuthMethod>> {
  return [
    {
      value: 'none',
      label: t('config.auth.none.label', 'No authentication'),
      description: t('config.auth.none.description', 'The cluster answers everybody'),
    },
    {
      value: 'basic',
      label: t('config.auth.basic.label', 'Basic authentication'),
      description: t('config.auth.basic.description', 'A user and a password'),
    },
    {
      value: 'apiKey',
      label: t('config.auth.api-key.label', 'API key'),
      description: t('config.auth.api-key.description', 'A key of Elasticsearch, which can be withdrawn by itself'),
    },
  ];
}
