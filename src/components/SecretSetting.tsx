import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { InlineField, SecretInput } from '@grafana/ui';
import { useId } from 'react';
import { type TidemarkOptions, type TidemarkSecureOptions } from '../types';

interface Props extends DataSourcePluginOptionsEditorProps<TidemarkOptions, TidemarkSecureOptions> {
  name: keyof TidemarkSecureOptions;
  label: string;
  tooltip: string;
  placeholder: string;
  required?: boolean;
  grow?: boolean;
  /** Of the field, in units of the grid. */
  width?: number;
}

/** A setting that is written, and not shown again. */
export function SecretSetting({ name, label, tooltip, placeholder, required, grow, width, ...props }: Props) {
  const { options, onOptionsChange } = props;
  const id = useId();
  const set = (value: string) =>
    onOptionsChange({
      ...options,
      secureJsonData: { ...options.secureJsonData, [name]: value },
      secureJsonFields: { ...options.secureJsonFields, [name]: false },
    });
  return (
    <InlineField
      label={label}
      labelWidth={24}
      htmlFor={id}
      tooltip={tooltip}
      required={required}
      grow={grow}
      interactive
      disabled={options.readOnly}
    >
      <SecretInput
        id={id}
        width={width}
        placeholder={placeholder}
        isConfigured={Boolean(options.secureJsonFields[name])}
        onReset={() => set('')}
        onChange={({ currentTarget }) => set(currentTarget.value)}
        required={required}
      />
    </InlineField>
  );
}
