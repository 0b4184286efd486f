import { type CodeEditor } from '@grafana/ui';
import { type ComponentProps, type KeyboardEvent, useEffect, useRef, useState } from 'react';

type Props = ComponentProps<typeof CodeEditor>;
type Listener = (event: object) => void;

const KeyCode = { Enter: 3, Tab: 2 };

/** Stands for Monaco, which jsdom cannot show. It tells what is typed and the keys to the handlers that it is mounted with, as Monaco does. */
export function FakeCodeEditor({ value, monacoOptions, onChange, onBlur, onEditorDidMount }: Props) {
  const [first] = useState({ onChange, onEditorDidMount });
  const element = useRef<HTMLTextAreaElement>(null);
  const listener = useRef<Listener>(() => {});

  useEffect(() => {
    const editor = {
      getValue: () => element.current?.value ?? '',
      onKeyDown: (listen: Listener) => (listener.current = listen),
    };
    first.onEditorDidMount?.(editor as never, { KeyCode } as never);
  }, [first]);

  const tellKey = (event: KeyboardEvent) =>
    listener.current({
      keyCode: KeyCode[event.key as keyof typeof KeyCode],
      ctrlKey: event.ctrlKey,
      preventDefault: () => event.preventDefault(),
      stopPropagation: () => event.stopPropagation(),
    });

  return (
    <textarea
      ref={element}
      aria-label={monacoOptions?.ariaLabel}
      value={value}
      onChange={(event) => first.onChange?.(event.currentTarget.value)}
      onBlur={(event) => onBlur?.(event.currentTarget.value)}
      onKeyDown={tellKey}
    />
  );
}
