import { fireEvent, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { axeFaults } from '../test/axe';
import { showEditor } from '../test/editor';
import { type TidemarkQuery } from '../types';

jest.mock('@grafana/ui', () => ({
  ...jest.requireActual<object>('@grafana/ui'),
  CodeEditor: jest.requireActual<{ FakeCodeEditor: unknown }>('../test/codeEditor').FakeCodeEditor,
}));

const field = () => screen.getByRole<HTMLTextAreaElement>('textbox', { name: 'Query as JSON' });
const problems = () =>
  within(screen.getByRole('list', { name: 'What is wrong' }))
    .getAllByRole('listitem')
    .map(({ textContent }) => textContent);
const type = (text: string) => fireEvent.change(field(), { target: { value: text } });

const showCode = (stored: Partial<TidemarkQuery> = {}) => showEditor({ editorMode: 'code', ...stored });

test("the builder's query is there as JSON, and back in the builder everything is kept", async () => {
  const stored = { groupBy: ['host'], top: 5, other: true, alias: '{{host}}', timezone: 'Asia/Shanghai' };
  const { changed, onRunQuery } = await showEditor(stored);
  await userEvent.click(screen.getByRole('radio', { name: 'Code' }));
  const model: unknown = JSON.parse(field().value);
  expect(model).toMatchObject({ rollup: 'log_writes', ...stored });
  expect(model).not.toHaveProperty('refId');
  await userEvent.click(screen.getByRole('radio', { name: 'Builder' }));
  expect(screen.getByRole('combobox', { name: 'from rollup' })).toHaveValue('log_writes');
  expect(changed()).toMatchObject({ refId: 'A', ...stored });
  expect(onRunQuery).not.toHaveBeenCalled();
});

test('a change takes effect on leaving the field, and what is not in the model stays', async () => {
  const { changed, onRunQuery } = await showCode({ hide: false, top: 5 });
  type('{"rollup": "requests", "stat": "rate"}');
  expect(onRunQuery).not.toHaveBeenCalled();
  fireEvent.blur(field());
  expect(changed()).toEqual({
    refId: 'A',
    hide: false,
    version: 1,
    editorMode: 'code',
    rollup: 'requests',
    stat: 'rate',
  });
  expect(onRunQuery).toHaveBeenCalledTimes(1);
  expect(field()).toHaveValue('{"rollup": "requests", "stat": "rate"}');
});

test('Ctrl+Enter runs the query once, whether or not it has changed', async () => {
  const { changed, onRunQuery } = await showCode();
  fireEvent.keyDown(field(), { key: 'Enter', ctrlKey: true });
  expect(onRunQuery).toHaveBeenCalledTimes(1);
  type('{"rollup": "requests"}');
  fireEvent.keyDown(field(), { key: 'Enter', ctrlKey: true });
  expect(changed()).toMatchObject({ rollup: 'requests' });
  expect(onRunQuery).toHaveBeenCalledTimes(2);
});

test('Enter by itself is typed', async () => {
  const { onRunQuery } = await showCode();
  fireEvent.keyDown(field(), { key: 'Enter' });
  expect(onRunQuery).not.toHaveBeenCalled();
});

describe('what is wrong', () => {
  const wrong = '{\n  "rollup": "requests",\n  "top": "ten",\n  "limit": 5\n}';

  test('is said with its line, and nothing is run or lost', async () => {
    const { onChange, onRunQuery } = await showCode();
    type(wrong);
    fireEvent.blur(field());
    expect(problems()).toEqual([
      expect.stringMatching(/^Line 4: There is no "limit"/),
      expect.stringMatching(/^Line 3: "top" must be a whole number/),
    ]);
    expect(field()).toHaveValue(wrong);
    expect(onChange).not.toHaveBeenCalled();
    expect(onRunQuery).not.toHaveBeenCalled();
  });

  test('keeps the code in view, so that it is not lost in the builder', async () => {
    const { onChange } = await showCode();
    type(wrong);
    await userEvent.click(screen.getByRole('radio', { name: 'Builder' }));
    expect(problems()).toHaveLength(2);
    expect(field()).toHaveValue(wrong);
    expect(onChange).not.toHaveBeenCalled();
  });

  test('is no longer said when it is mended', async () => {
    await showCode();
    type(wrong);
    fireEvent.blur(field());
    type('{"rollup": "requests"}');
    expect(screen.queryByRole('list', { name: 'What is wrong' })).not.toBeInTheDocument();
  });

  test('is said so that axe finds nothing in it', async () => {
    await showCode();
    type(wrong);
    fireEvent.blur(field());
    expect(await axeFaults()).toEqual([]);
  });

  test('can be discarded for the query that there was', async () => {
    await showCode();
    const before = field().value;
    type('{');
    fireEvent.blur(field());
    await userEvent.click(screen.getByRole('button', { name: 'Discard the changes' }));
    expect(field()).toHaveValue(before);
    expect(screen.queryByRole('list', { name: 'What is wrong' })).not.toBeInTheDocument();
  });
});
