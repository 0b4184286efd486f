import { Combobox, type ComboboxOption } from '@grafana/ui';
import { useState } from 'react';

interface Props<T extends string> {
  id: string;
  /** Of the label that names the field, where that is not tied to it by the field's id. */
  labelId?: string;
  options: Array<ComboboxOption<T>>;
  value: T | null;
  onChange: (value: T) => void;
  placeholder?: string;
  /** Whether what was typed can be chosen too. */
  createCustomValue?: boolean;
  invalid?: boolean;
  /** In units of the theme's spacing. */
  minWidth: number;
  /**
   * A last line of the menu, which cannot be chosen. Combobox makes a menu as wide as its longest label and cuts
   * descriptions that are longer, so that a menu with descriptions needs a line like this.
   */
  hint?: string;
}

/** A menu to choose from, whose lines for information cannot be chosen. */
export function Menu<T extends string>({ labelId, options, onChange, hint, ...props }: Props<T>) {
  const [hints, setHints] = useState(0);

  // Combobox lets the keyboard choose a line that is there for information only, and would go on showing its text.
  const choose = ({ value, infoOption }: ComboboxOption<T>) => (infoOption ? setHints(hints + 1) : onChange(value));

  return (
    <Combobox
      {...props}
      key={hints}
      // It had the focus before it was drawn anew.
      // eslint-disable-next-line jsx-a11y/no-autofocus
      autoFocus={hints > 0}
      aria-labelledby={labelId}
      options={hint ? [...options, { value: '\0hint' as T, label: hint, infoOption: true }] : options}
      onChange={choose}
      width="auto"
    />
  );
}
