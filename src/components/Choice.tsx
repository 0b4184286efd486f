import { type ComponentProps, useId } from 'react';
import { Clause } from './Clause';
import { CommitInput } from './CommitInput';
import { Menu } from './Menu';

type ClauseProps = Pick<ComponentProps<typeof Clause>, 'word' | 'name' | 'tooltip'>;
type ChoiceProps<T extends string> = ClauseProps & Omit<ComponentProps<typeof Menu<T>>, 'id' | 'labelId'>;

/** A word of the sentence, and a menu to choose what follows it. */
export function Choice<T extends string>({ word, name, tooltip, ...props }: ChoiceProps<T>) {
  const id = useId();
  return (
    <Clause word={word} name={name} labelId={`${id}label`} htmlFor={id} tooltip={tooltip}>
      <Menu {...props} id={id} labelId={`${id}label`} />
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
