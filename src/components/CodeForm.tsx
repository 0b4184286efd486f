import { Alert, Button, CodeEditor, type Monaco, type MonacoEditor, Stack, Text } from '@grafana/ui';
import { useLayoutEffect, useRef, useState } from 'react';
import { parseCode, type Problem, toCode } from '../code';
import { useDraft } from '../hooks/useDraft';
import { t } from '../i18n';
import { withModel } from '../model';
import { type TidemarkQuery } from '../types';
import { EditorHead } from './EditorHead';
import { ModeSwitch } from './ModeSwitch';

/** Pixels of a line of code, of the space around all lines, and at least. */
const LINE = 18;
const PADDING = 26;
const LEAST = 130;

interface Props {
  query: TidemarkQuery;
  onChange: (query: TidemarkQuery) => void;
  onRunQuery: () => void;
}

/** The query as JSON. It takes effect on leaving the field, on Ctrl+Enter and on Ctrl+S, once nothing is wrong with it. */
export function CodeForm({ query, onChange, onRunQuery }: Props) {
  const draft = useDraft(toCode(query));
  const [problems, setProblems] = useState<Problem[]>([]);

  /** The query that a text is, where nothing is wrong with it. */
  const read = (text: string): TidemarkQuery | undefined => {
    const parsed = parseCode(text);
    setProblems(parsed.problems ?? []);
    return parsed.problems ? undefined : withModel(query, parsed.model);
  };

  /** Takes a text over; `unchanged` is called where it asks what is asked already. */
  const take = (text: string, unchanged?: () => void) => {
    const next = read(text);
    if (!next) {
      return;
    }
    draft.take(text, toCode(next));
    if (toCode(next) === toCode(query)) {
      unchanged?.();
    } else {
      onChange(next);
    }
  };

  const leave = () => {
    const next = read(draft.text);
    if (next) {
      onChange({ ...next, editorMode: undefined });
    }
  };

  const type = (text: string) => {
    draft.type(text);
    setProblems((before) => (before.length > 0 ? (parseCode(text).problems ?? []) : before));
  };

  const discard = () => {
    draft.discard();
    setProblems([]);
  };

  return (
    <>
      <EditorHead aside={<ModeSwitch mode="code" onChange={leave} />}>
        <Text variant="bodySmall" color="secondary">
          {t('code-form.hint', 'The query as JSON. It runs when you leave the field, or with Ctrl+Enter.')}
        </Text>
      </EditorHead>
      <JsonField value={draft.text} onType={type} onLeave={take} onRun={(text) => take(text, onRunQuery)} />
      {problems.length > 0 && (
        <Alert
          severity="error"
          bottomSpacing={0}
          title={t('code-form.wrong', 'The query is not run before this is mended')}
        >
          <Stack direction="column" gap={1} alignItems="flex-start">
            <ul aria-label={t('code-form.problems', 'What is wrong')}>
              {problems.map(({ line, text }) => (
                <li key={`${line} ${text}`}>{t('code-form.line', 'Line {{line}}: {{text}}', { line, text })}</li>
              ))}
            </ul>
            <Button size="sm" variant="secondary" onClick={discard}>
              {t('code-form.discard', 'Discard the changes')}
            </Button>
          </Stack>
        </Alert>
      )}
    </>
  );
}

interface JsonFieldProps {
  value: string;
  onType: (text: string) => void;
  onLeave: (text: string) => void;
  onRun: (text: string) => void;
}

function JsonField({ value, onType, onLeave, onRun }: JsonFieldProps) {
  // CodeEditor keeps the handlers that it is mounted with.
  const latest = useRef({ onType, onRun });
  useLayoutEffect(() => {
    latest.current = { onType, onRun };
  });

  const listenToKeys = (editor: MonacoEditor, { KeyCode }: Monaco) => {
    editor.onKeyDown((event) => {
      if (event.keyCode === KeyCode.Enter && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        event.stopPropagation();
        latest.current.onRun(editor.getValue());
      }
      // Tab leaves this field as it leaves every other, instead of writing a tab.
      if (event.keyCode === KeyCode.Tab) {
        event.stopPropagation();
      }
    });
  };

  return (
    <CodeEditor
      language="json"
      value={value}
      height={Math.max(value.split('\n').length * LINE + PADDING, LEAST)}
      showLineNumbers
      showMiniMap={false}
      monacoOptions={{ ariaLabel: t('code-form.label', 'Query as JSON'), scrollBeyondLastLine: false }}
      onChange={(text) => latest.current.onType(text)}
      onBlur={onLeave}
      onSave={onRun}
      onEditorDidMount={listenToKeys}
    />
  );
}
