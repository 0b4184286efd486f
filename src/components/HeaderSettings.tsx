import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { Button, IconButton, InlineField, InlineFieldRow, Input, SecretInput } from '@grafana/ui';
import { useId, useState } from 'react';
import { freeNumber, type Header, headers, withHeader } from '../headers';
import { t } from '../i18n';
import { type TidemarkOptions, type TidemarkSecureOptions } from '../types';

type Props = DataSourcePluginOptionsEditorProps<TidemarkOptions, TidemarkSecureOptions>;

const EXAMPLE = 'X-Custom-Header';

/** Headers that a proxy before the cluster wants. */
export function HeaderSettings({ options, onOptionsChange }: Props) {
  const [added, setAdded] = useState<number[]>([]);
  const shown = headers(options, added);
  const remove = (header: Header) => {
    setAdded(added.filter((number) => number !== header.number));
    onOptionsChange(withHeader(options, { ...header, name: '', value: '', isStored: false }));
  };
  return (
    <>
      {shown.map((header, index) => (
        <HeaderRow
          key={header.number}
          position={index + 1}
          header={header}
          disabled={options.readOnly}
          onChange={(changed) => onOptionsChange(withHeader(options, changed))}
          onRemove={() => remove(header)}
        />
      ))}
      <Button
        variant="secondary"
        icon="plus"
        disabled={options.readOnly}
        onClick={() => setAdded([...added, freeNumber(shown)])}
      >
        {shown.length === 0
          ? t('config.headers.add', 'Add a header')
          : t('config.headers.add-another', 'Add another header')}
      </Button>
    </>
  );
}

interface RowProps {
  position: number;
  header: Header;
  disabled: boolean;
  onChange: (header: Header) => void;
  onRemove: () => void;
}

function HeaderRow({ position, header, disabled, onChange, onRemove }: RowProps) {
  const id = useId();
  return (
    <InlineFieldRow>
      <InlineField
        label={t('config.headers.name.label', 'Header')}
        labelWidth={10}
        htmlFor={`${id}name`}
        disabled={disabled}
      >
        <Input
          id={`${id}name`}
          aria-label={t('config.headers.name.name', 'Header {{position}}', { position })}
          placeholder={EXAMPLE}
          width={24}
          value={header.name}
          onChange={({ currentTarget }) => onChange({ ...header, name: currentTarget.value.trim() })}
        />
      </InlineField>
      <InlineField
        label={t('config.headers.value.label', 'Value')}
        labelWidth={8}
        htmlFor={`${id}value`}
        disabled={disabled}
      >
        <SecretInput
          id={`${id}value`}
          aria-label={t('config.headers.value.name', 'Value of header {{position}}', { position })}
          width={24}
          isConfigured={header.isStored}
          value={header.value}
          onReset={() => !disabled && onChange({ ...header, value: '', isStored: false })}
          onChange={({ currentTarget }) => onChange({ ...header, value: currentTarget.value })}
        />
      </InlineField>
      <IconButton
        name="trash-alt"
        tooltip={t('config.headers.remove', 'Remove header {{position}}', { position })}
        disabled={disabled}
        onClick={onRemove}
      />
    </InlineFieldRow>
  );
}
