import { Combobox, type ComboboxOption } from '@grafana/ui';
import { type ComponentProps, useId, useState } from 'react';
import { Clause } from './Clause';
import { CommitInput } from './CommitInput';

type ClauseProps = Pick<ComponentProps<typeof Clause>, 'word' | 'name' | 'tooltip'>;

interface ChoiceProps<T extends string> extends ClauseProps {
  options: Array<ComboboxOption<T>>;
  value: T | null;
  onChange: (value: T) => void;
  placeholder?: string;
  /** Whether what was typed can be chosen too. */
  createCustomValue?: boolean;
  invalid?: boolean;
  minWidth: number;
}

/** A word of the sentence, and a menu to choose what follows it. */
export function Choice<T extends string>({ word, name, tooltip, onChange, ...props }: ChoiceProps<T>) {
  const id = useId();
  const [hints, setHints] = useState(0);

  // Combobox lets the keyboard choose a line that is there for information only, and would go on showing its text.
  const choose = ({ value, infoOption }: ComboboxOption<T>) => (infoOption ? setHints(hints + 1) : onChange(value));

  return (
    <Clause word={word} name={name} labelId={`${id}label`} htmlFor={id} tooltip={tooltip}>
      <Combobox
        {...props}
        key={hints}
        // It had the focus before it was drawn anew.
        // eslint-disable-next-line jsx-a11y/no-autofocus
        autoFocus={hints > 0}
        id={id}
        aria-labelledby={`${id}label`}
        onChange={choose}
        width="auto"
      />
    </Clause>
  );
}

type TextProps = ClauseProps & Omit<ComponentProps<typeof CommitInput>, 'id' | 'name'>;

/** A word of the sentence, and a field to type what follows it. */
export function Text({ word, name, tooltip, ...props }: TextProps) {
  const id = useId();
  return (
    <Clause word={word} name={name} labelId={`${id}label`} htmlFor={id} tooltip={tooltip}>
      <CommitInput {...props} id={id} />
    </Clause>
  );
}
