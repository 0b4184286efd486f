import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { InlineField, SecretInput, SecretTextArea } from '@grafana/ui';
import { useId } from 'react';
import { COLUMNS, LABEL_WIDTH, WIDTH } from './Setting';
import { type TidemarkOptions, type TidemarkSecureOptions } from '../types';

interface Props extends DataSourcePluginOptionsEditorProps<TidemarkOptions, TidemarkSecureOptions> {
  name: keyof TidemarkSecureOptions;
  label: string;
  tooltip: string;
  placeholder: string;
  required?: boolean;
  /** Of a text of several lines. */
  rows?: number;
}

/** A setting that is written, and not shown again. */
export function SecretSetting({ name, label, tooltip, placeholder, required, rows, ...props }: Props) {
  const { options, onOptionsChange } = props;
  const id = useId();
  const set = (value: string) =>
    onOptionsChange({
      ...options,
      secureJsonData: { ...options.secureJsonData, [name]: value },
      secureJsonFields: { ...options.secureJsonFields, [name]: false },
    });
  const field = {
    id,
    placeholder,
    required,
    isConfigured: Boolean(options.secureJsonFields[name]),
    value: options.secureJsonData?.[name] ?? '',
    // The button stays in a data source that cannot be edited.
    onReset: () => !options.readOnly && set(''),
  };
  return (
    <InlineField
      label={label}
      labelWidth={LABEL_WIDTH}
      htmlFor={id}
      tooltip={tooltip}
      required={required}
      disabled={options.readOnly}
    >
      {rows ? (
        <SecretTextArea
          {...field}
          cols={COLUMNS}
          rows={rows}
          onChange={({ currentTarget }) => set(currentTarget.value)}
        />
      ) : (
        <SecretInput {...field} width={WIDTH} onChange={({ currentTarget }) => set(currentTarget.value)} />
      )}
    </InlineField>
  );
}
