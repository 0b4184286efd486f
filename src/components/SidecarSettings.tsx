import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { InlineField, TextArea } from '@grafana/ui';
import { useId, useState } from 'react';
import { t } from '../i18n';
import { isAddress, parseUrls, sidecarUrls } from '../sidecars';
import { type TidemarkOptions, type TidemarkSecureOptions } from '../types';
import { SecretSetting } from './SecretSetting';
import { COLUMNS, LABEL_WIDTH } from './Setting';

type Props = DataSourcePluginOptionsEditorProps<TidemarkOptions, TidemarkSecureOptions>;

const EXAMPLE = 'http://tidemark-1:8089\nhttp://tidemark-2:8089';

/** Where the live stream comes from. */
export function SidecarSettings({ options, onOptionsChange }: Props) {
  const { jsonData, readOnly } = options;
  const id = useId();
  const [draft, setDraft] = useState<string>();
  const urls = sidecarUrls(jsonData);
  const wrong = urls.find((url) => !isAddress(url));

  const change = (text: string) => {
    setDraft(text);
    const parsed = parseUrls(text);
    onOptionsChange({
      ...options,
      jsonData: { ...jsonData, sidecarUrls: parsed.length > 0 ? parsed : undefined },
    });
  };

  return (
    <>
      <InlineField
        label={t('config.sidecars.label', 'Sidecar addresses')}
        labelWidth={LABEL_WIDTH}
        htmlFor={id}
        tooltip={t(
          'config.sidecars.tooltip',
          "The addresses under http.listen in the sidecars' configurations, as Grafana's server reaches them: one a line, or with commas between. Each sidecar knows what all of them count, so two are enough."
        )}
        invalid={wrong !== undefined}
        error={t(
          'config.sidecars.error',
          '{{url}} is no address: it begins with http:// or https://, and has no user name in it',
          { url: wrong }
        )}
        disabled={readOnly}
      >
        <TextArea
          id={id}
          cols={COLUMNS}
          rows={3}
          placeholder={EXAMPLE}
          aria-invalid={wrong !== undefined}
          value={draft ?? urls.join('\n')}
          onChange={({ currentTarget }) => change(currentTarget.value)}
          onBlur={() => setDraft(undefined)}
        />
      </InlineField>
      <SecretSetting
        name="sidecarToken"
        label={t('config.sidecar-token.label', 'Sidecar token')}
        placeholder={t('config.sidecar-token.placeholder', 'Token')}
        tooltip={t(
          'config.sidecar-token.tooltip',
          "What is in the file that live.token_file of the sidecars' configurations names. Empty where they have none."
        )}
        options={options}
        onOptionsChange={onOptionsChange}
      />
    </>
  );
}
