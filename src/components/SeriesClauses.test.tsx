import { CoreApp } from '@grafana/data';
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { choose } from '../test/choose';
import { showEditor } from '../test/editor';
import { type TidemarkQuery } from '../types';

describe('top', () => {
  test('takes effect on Enter, as a number', async () => {
    const { changed, onChange } = await showEditor();
    await userEvent.type(screen.getByRole('textbox', { name: 'Top series' }), '10');
    expect(onChange).not.toHaveBeenCalled();
    await userEvent.keyboard('{Enter}');
    expect(changed()).toMatchObject({ top: 10 });
  });

  test('without a number means all, of which none is another', async () => {
    const { changed } = await showEditor({ top: 3, other: true });
    await userEvent.clear(screen.getByRole('textbox', { name: 'Top series' }));
    await userEvent.tab();
    expect(changed()).toMatchObject({ top: undefined, other: undefined });
  });

  test.each([
    ['ten', true],
    ['$limit', false],
    [0, true],
    [5, false],
  ])('%p is marked as wrong: %p', async (top, wrong) => {
    await showEditor({ top });
    const field = screen.getByRole('textbox', { name: 'Top series' });
    expect(field.getAttribute('aria-invalid') === 'true').toBe(wrong);
  });

  test('can show the rest as one more series, with the keyboard too', async () => {
    const { changed } = await showEditor({ top: 3 });
    const other = screen.getByRole('switch', { name: 'and other series as one' });
    await userEvent.click(other);
    expect(changed()).toMatchObject({ top: 3, other: true });
    other.focus();
    await userEvent.keyboard(' ');
    expect(changed()?.other).toBeUndefined();
  });

  test('has no rest where all series are shown', async () => {
    await showEditor();
    expect(screen.queryByRole('switch')).not.toBeInTheDocument();
  });
});

test.each([
  ['in an alert rule', CoreApp.UnifiedAlerting, 10, 1],
  ['that an alert rule has not', CoreApp.UnifiedAlerting, undefined, 0],
  ['in a panel', CoreApp.PanelEditor, 10, 0],
] as const)('a top %s has a warning', async (_, app, top, warnings) => {
  await showEditor({ groupBy: ['host'], top }, {}, app);
  expect(screen.queryAllByText(/A series that others overtake is gone/)).toHaveLength(warnings);
});

describe('looking back for series', () => {
  const field = 'look back for series';

  test('is offered where there are several', async () => {
    const { changed } = await showEditor({ groupBy: ['host'] });
    await choose(field, /^1d/);
    expect(changed()).toMatchObject({ lookback: '1d' });
    await choose(field, /^none/);
    expect(changed()?.lookback).toBeUndefined();
  });

  test('is a day in an alert rule that does not say so, and can be none', async () => {
    const { changed } = await showEditor({ groupBy: ['host'] }, {}, CoreApp.UnifiedAlerting);
    expect(screen.getByRole('combobox', { name: field })).toHaveValue('1d');
    await choose(field, /^none/);
    expect(changed()?.lookback).toBe('');
    await choose(field, /^1d/);
    expect(changed()?.lookback).toBeUndefined();
  });

  test('takes a length that is typed', async () => {
    const { changed } = await showEditor({ groupBy: ['host'] });
    await userEvent.type(screen.getByRole('combobox', { name: field }), '90m{Enter}');
    expect(changed()).toMatchObject({ lookback: '90m' });
  });

  test('is not offered for a single series', async () => {
    await showEditor();
    expect(screen.queryByRole('combobox', { name: field })).not.toBeInTheDocument();
  });
});

test('the legend takes effect on leaving the field', async () => {
  const { changed } = await showEditor();
  await userEvent.click(screen.getByRole('textbox', { name: 'legend format' }));
  await userEvent.paste('{{host}} writes');
  await userEvent.tab();
  expect(changed()).toMatchObject({ alias: '{{host}} writes' });
});

test.each<[Partial<TidemarkQuery>, string]>([
  [{ groupBy: [] }, 'count'],
  [{ stat: 'avg', measure: 'offset', groupBy: ['path'] }, 'avg offset <path>'],
  [{ stat: 'max', measure: 'offset', groupBy: ['host', 'path'] }, 'max offset {host="…", path="…"}'],
  [{ groupBy: ['$by'] }, 'count {$by="…"}'],
  [{ condition: 'errors', shift: '1d' }, 'count errors 1d before'],
  [{ stat: 'ratio', condition: 'errors', over: 'slow' }, 'ratio errors over slow'],
  [{ stat: 'percentile', measure: 'took', percentile: 50 }, 'p50 took'],
  [{ stat: 'delta' }, 'delta'],
])('an empty legend shows what Grafana names the series of %j', async (stored, name) => {
  await showEditor(stored);
  expect(screen.getByRole('textbox', { name: 'legend format' })).toHaveAttribute('placeholder', name);
});
