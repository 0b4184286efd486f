import { CoreApp } from '@grafana/data';
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { choices, choose, open } from '../test/choose';
import { showEditor } from '../test/editor';
import { logWrites } from '../test/fixtures';
import { type TidemarkQuery } from '../types';

describe('an earlier time', () => {
  const field = 'compare with an earlier time';

  test('is a day or a week before, or none', async () => {
    const { changed } = await showEditor();
    await choose(field, /^a week before/);
    expect(changed()).toMatchObject({ shift: '1w' });
    await choose(field, /^none/);
    expect(changed()?.shift).toBeUndefined();
  });

  test('is not chosen by the line that says what can be typed', async () => {
    const { changed } = await showEditor();
    await open(field);
    await userEvent.keyboard('{ArrowUp}{Enter}');
    // Later Grafanas pass over the line, and choose the one before it.
    expect([undefined, '1w']).toContain(changed()?.shift);
    expect(['none', 'a week before']).toContain(screen.getByRole<HTMLInputElement>('combobox', { name: field }).value);
  });

  test('can be typed', async () => {
    const { changed } = await showEditor();
    await userEvent.type(screen.getByRole('combobox', { name: field }), '90m{Enter}');
    expect(changed()).toMatchObject({ shift: '90m' });
    expect(screen.getByRole('combobox', { name: field })).toHaveValue('90m');
  });
});

describe('smoothing', () => {
  const field = 'smooth over points';

  test('is over so many points', async () => {
    const { changed } = await showEditor();
    await userEvent.type(screen.getByRole('textbox', { name: field }), '5{Enter}');
    expect(changed()).toMatchObject({ movingAverage: 5 });
  });

  test.each([
    [1, true],
    [1001, true],
    [2, false],
    [0, false],
    ['$k', false],
  ])('over %p is marked as wrong: %p', async (movingAverage, wrong) => {
    await showEditor({ movingAverage });
    const input = screen.getByRole('textbox', { name: field });
    expect(input.getAttribute('aria-invalid') === 'true').toBe(wrong);
  });
});

describe('the tier', () => {
  test('is one of the rollup', async () => {
    const { changed } = await showEditor();
    await choose('tier length', '1m');
    expect(changed()).toMatchObject({ tier: '1m' });
  });

  test('is offered with the time that it covers', async () => {
    const tierProgress = [
      { tier: '10s', from: '2026-01-30T12:00:00Z' },
      { tier: '1m', from: null, through: '2026-02-01T06:00:00Z' },
    ];
    const rollup = { ...logWrites, tiers: ['10s', '1m', '1h'], tierProgress };
    await showEditor({}, { rollups: [rollup] });
    await open('tier length');
    await screen.findByRole('option', { name: 'Auto' });
    expect(choices()).toEqual([
      'Auto',
      expect.stringMatching(/^10sfrom 2026-01-\d\d \d\d:00 to the present$/),
      expect.stringMatching(/^1mfrom the beginning to 2026-0\d-\d\d \d\d:00$/),
      '1hNothing yet',
      'What a tier does not have yet is read from finer ones',
    ]);
  });
});

describe('the format', () => {
  const table = () => screen.getByRole('radio', { name: 'Table' });

  test('can be a table, which is not smoothed and no stream', async () => {
    const { changed } = await showEditor({ movingAverage: 5, read: 'stream' });
    await userEvent.click(table());
    expect(changed()).toMatchObject({ format: 'table', read: undefined });
    expect(changed()?.movingAverage).toBeUndefined();
    expect(screen.queryByRole('textbox', { name: 'smooth over points' })).not.toBeInTheDocument();
    expect(screen.getByRole('radio', { name: 'Live stream' })).toBeDisabled();
  });

  test('is series again', async () => {
    const { changed } = await showEditor({ format: 'table' });
    await userEvent.click(screen.getByRole('radio', { name: 'Series' }));
    expect(changed()?.format).toBeUndefined();
  });

  test('is no table of a delta, with the reason', async () => {
    await showEditor({ stat: 'delta' });
    expect(table()).toBeDisabled();
    expect(screen.getByText('Table').title).toMatch(/^Not of a delta/);
  });

  test('becomes series with a delta', async () => {
    const { changed } = await showEditor({ format: 'table' });
    await choose('Show statistic', /^Delta/);
    expect(changed()).toMatchObject({ stat: 'delta' });
    expect(changed()?.format).toBeUndefined();
  });
});

describe('what is read', () => {
  const stream = () => screen.getByRole('radio', { name: 'Live stream' });
  /** What the pointer finds on its label. */
  const reason = () => screen.getByText('Live stream').title;

  test('can be the live stream', async () => {
    const { changed } = await showEditor();
    await userEvent.click(stream());
    expect(changed()).toMatchObject({ read: 'stream' });
  });

  test.each([
    [CoreApp.PanelEditor, 'sealed', 'Live', undefined],
    [CoreApp.PanelEditor, undefined, 'Sealed', 'sealed'],
    [CoreApp.UnifiedAlerting, 'live', 'Sealed', undefined],
    [CoreApp.UnifiedAlerting, undefined, 'Live', 'live'],
  ] as const)('in %s that said %s, %s is %s', async (app, before, name, after) => {
    const { changed } = await showEditor({ read: before }, {}, app);
    await userEvent.click(screen.getByRole('radio', { name }));
    expect(changed()?.read).toBe(after);
  });

  test.each([
    ['live in an alert rule', 1, CoreApp.UnifiedAlerting, 'live'],
    ['sealed in an alert rule', 0, CoreApp.UnifiedAlerting, undefined],
    ['live in a panel', 0, CoreApp.PanelEditor, 'live'],
  ] as const)('when it is %s has %p warnings', async (_, warnings, app, read) => {
    await showEditor({ read }, {}, app);
    expect(screen.queryAllByText(/A window that is still filling looks like a fall/)).toHaveLength(warnings);
  });

  test('is no stream in an alert rule, with the reason', async () => {
    await showEditor({ read: 'sealed' }, {}, CoreApp.UnifiedAlerting);
    expect(stream()).toBeDisabled();
    expect(reason()).toMatch(/^Not for alert rules/);
  });

  test('shows a stream that an alert rule was made of', async () => {
    await showEditor({ read: 'stream' }, {}, CoreApp.UnifiedAlerting);
    expect(stream()).toBeChecked();
  });

  test.each<[Partial<TidemarkQuery>, RegExp]>([
    [{ stat: 'rate' }, /what the sidecars count/],
    [{ stat: 'percentile', measure: 'took' }, /Elasticsearch is asked every few seconds/],
    [{ stat: 'distinct', measure: 'users' }, /Elasticsearch is asked every few seconds/],
    [{ shift: '1d' }, /Elasticsearch is asked every few seconds/],
    [{ movingAverage: 5 }, /Elasticsearch is asked every few seconds/],
  ])('of %j says where a stream comes from', async (stored, text) => {
    await showEditor(stored);
    expect(reason()).toMatch(text);
  });
});
