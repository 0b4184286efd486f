import { AutoSizeInput } from '@grafana/ui';
import { type ComponentProps, useState } from 'react';

type InputProps = Omit<ComponentProps<typeof AutoSizeInput>, 'value' | 'onChange' | 'onBlur' | 'onKeyDown' | 'ref'>;

interface Props extends InputProps {
  value: string;
  /** Called on Enter and on leaving the field, when the text has changed. */
  onCommit: (value: string) => void;
}

/** A text field whose change takes effect when the person is done with it, not on every key. */
export function CommitInput({ value, onCommit, ...props }: Props) {
  const [draft, setDraft] = useState<string>();

  const commit = () => {
    const text = draft?.trim();
    setDraft(undefined);
    if (text !== undefined && text !== value) {
      onCommit(text);
    }
  };

  return (
    <AutoSizeInput
      {...props}
      aria-invalid={props.invalid}
      value={draft ?? value}
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Enter') {
          commit();
        }
      }}
    />
  );
}
