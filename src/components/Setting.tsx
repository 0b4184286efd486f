import { InlineField, Input } from '@grafana/ui';
import { type ComponentProps, useId } from 'react';

/** Widths of the settings page, in units of the theme's spacing. */
export const LABEL_WIDTH = 26;
export const WIDTH = 46;
/** Columns of a text area that is about as wide. */
export const COLUMNS = 38;

type FieldProps = Pick<ComponentProps<typeof InlineField>, 'label' | 'tooltip' | 'required' | 'disabled' | 'error'>;
type InputProps = Pick<ComponentProps<typeof Input>, 'aria-label' | 'placeholder' | 'type' | 'min' | 'max' | 'value'>;

interface Props extends FieldProps, InputProps {
  onChange: (text: string) => void;
}

/** A setting in one line of text. What is wrong with it, if anything, is the `error`. */
export function Setting({ label, tooltip, required, disabled, error, onChange, ...props }: Props) {
  const id = useId();
  return (
    <InlineField
      label={label}
      labelWidth={LABEL_WIDTH}
      htmlFor={id}
      tooltip={tooltip}
      required={required}
      disabled={disabled}
      invalid={Boolean(error)}
      error={error}
    >
      <Input
        {...props}
        id={id}
        width={WIDTH}
        required={required}
        aria-invalid={Boolean(error)}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
      />
    </InlineField>
  );
}
