import { CoreApp } from '@grafana/data';
import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { axeFaults } from '../test/axe';
import { choices, choose, open } from '../test/choose';
import { showEditor } from '../test/editor';
import { logWrites, requests } from '../test/fixtures';
import { type TidemarkQuery } from '../types';

const statField = 'Show statistic';
const rollupField = 'from rollup';

describe('a new query', () => {
  test('takes a rollup when the list arrives, and shows what is largest', async () => {
    const { changed, onRunQuery } = await showEditor({ rollup: '' });
    await waitFor(() => expect(changed()).toMatchObject({ rollup: 'log_writes', stat: 'count', tier: 'auto' }));
    expect(changed()).toMatchObject({ groupBy: ['host'], top: 10, other: true });
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  test('takes the rollup that was chosen last', async () => {
    const { unmount } = await showEditor();
    await choose(rollupField, /requests/);
    unmount();
    const { changed } = await showEditor({ rollup: '' });
    await waitFor(() => expect(changed()).toMatchObject({ rollup: 'requests' }));
  });

  test('is one series in an alert rule', async () => {
    const { changed } = await showEditor({ rollup: '' }, {}, CoreApp.UnifiedAlerting);
    await waitFor(() => expect(changed()).toMatchObject({ rollup: 'log_writes', groupBy: [] }));
    expect(changed()?.top).toBeUndefined();
  });

  test.each([
    ['live in a panel', CoreApp.PanelEditor, 'Live'],
    ['up to the tidemark in an alert rule', CoreApp.UnifiedAlerting, 'Sealed'],
  ])('reads %s, without saying so: an alert rule may be made of it', async (_, app, chosen) => {
    const { changed } = await showEditor({ rollup: '', read: undefined }, {}, app);
    await waitFor(() => expect(changed()).toMatchObject({ rollup: 'log_writes' }));
    expect(screen.getByRole('radio', { name: chosen })).toBeChecked();
    expect(changed()?.read).toBeUndefined();
  });

  test('leaves a stored query as it is', async () => {
    const { onChange, onRunQuery } = await showEditor({ rollup: 'requests' });
    expect(await screen.findByRole('combobox', { name: rollupField })).toHaveValue('requests');
    expect(onChange).not.toHaveBeenCalled();
    expect(onRunQuery).not.toHaveBeenCalled();
  });
});

describe('the statistic', () => {
  test('asks for a measure only where it needs one, and chooses the first', async () => {
    const { changed, onRunQuery } = await showEditor();
    expect(screen.queryByRole('combobox', { name: 'of measure' })).not.toBeInTheDocument();
    await choose(statField, /Average/);
    expect(changed()).toMatchObject({ stat: 'avg', measure: 'offset' });
    expect(screen.getByRole('combobox', { name: 'of measure' })).toHaveValue('offset');
    expect(onRunQuery).toHaveBeenCalled();
  });

  test('can be chosen with the keyboard', async () => {
    const { changed } = await showEditor();
    await userEvent.type(screen.getByRole('combobox', { name: statField }), 'Maxi{Enter}');
    expect(changed()).toMatchObject({ stat: 'max' });
  });
});

describe('the rollup', () => {
  test('keeps what still fits when it changes', async () => {
    const { changed } = await showEditor({
      stat: 'avg',
      measure: 'offset',
      groupBy: ['host', 'path'],
      filters: [{ dimension: 'path', op: '=', values: ['/a'] }],
    });
    await choose(rollupField, /requests/);
    expect(changed()).toMatchObject({ rollup: 'requests', stat: 'count', groupBy: ['host'], filters: [] });
  });

  test('can be a dashboard variable, whose dimensions are offered', async () => {
    const variables = { r: { value: 'log_writes' }, Filters: { value: '', type: 'adhoc' as const } };
    const { changed } = await showEditor({ rollup: 'requests' }, { variables });
    await choose(rollupField, /\$r/);
    expect(changed()).toMatchObject({ rollup: '$r' });
    await open('by dimensions');
    await screen.findByRole('option', { name: 'host' });
    expect(choices()).toEqual(['host', 'path', '$rVariable']);
  });
});

test('groups by the dimensions that are chosen', async () => {
  const { changed } = await showEditor();
  await choose('by dimensions', 'host');
  await userEvent.click(await screen.findByRole('option', { name: 'path' }));
  expect(changed()).toMatchObject({ groupBy: ['host', 'path'] });
});

test('reads live or up to the tidemark', async () => {
  const { changed } = await showEditor();
  await userEvent.click(screen.getByRole('radio', { name: 'Sealed' }));
  expect(changed()).toMatchObject({ read: 'sealed' });
});

describe('when there is nothing to choose from', () => {
  test('says why the list could not be loaded, and tries again', async () => {
    const { getResource, changed } = await showEditor({ rollup: '' }, { rollups: new Error('connection refused') });
    expect(await screen.findByText('connection refused')).toBeInTheDocument();
    getResource.mockResolvedValue({ rollups: [logWrites] });
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(changed()).toMatchObject({ rollup: 'log_writes' }));
    expect(screen.queryByText('connection refused')).not.toBeInTheDocument();
  });

  test('says what to do while there are no rollups', async () => {
    const { onRunQuery } = await showEditor({ rollup: '' }, { rollups: [] });
    expect(await screen.findByText(/tidemark run --config FILE/)).toBeInTheDocument();
    expect(onRunQuery).not.toHaveBeenCalled();
  });

  test('says that the rollup of a stored query is not there', async () => {
    await showEditor({ rollup: 'gone' }, { rollups: [requests] });
    expect(await screen.findByText('There is no rollup "gone"')).toBeInTheDocument();
  });
});

describe('a query that a newer version of the plugin saved', () => {
  test('is left alone, with the reason', async () => {
    const { onChange, onRunQuery } = await showEditor({ version: 2, rollup: '' });
    expect(screen.getByText('A newer version of the plugin saved this query')).toBeInTheDocument();
    expect(screen.queryByRole('combobox')).not.toBeInTheDocument();
    expect(onChange).not.toHaveBeenCalled();
    expect(onRunQuery).not.toHaveBeenCalled();
  });

  test('can be edited nevertheless', async () => {
    const { changed } = await showEditor({ version: 2 });
    await userEvent.click(screen.getByRole('button', { name: 'Edit it nevertheless' }));
    expect(changed()).toMatchObject({ version: 1, rollup: 'log_writes' });
    expect(await screen.findByRole('combobox', { name: rollupField })).toHaveValue('log_writes');
  });
});

test('a change is saved in the present form', async () => {
  const { changed } = await showEditor({ version: undefined });
  await choose(statField, /Rate/);
  expect(changed()).toMatchObject({ version: 1, stat: 'rate' });
});

test('says in words what is read', async () => {
  await showEditor({ stat: 'rate' });
  expect(await screen.findByText(/^events per second · from tiers 10s, 1m · sealed up to/)).toBeInTheDocument();
});

describe('with the keyboard alone', () => {
  test('Tab follows the sentence', async () => {
    await showEditor({
      stat: 'percentile',
      measure: 'took',
      percentile: 95,
      groupBy: ['host'],
      filters: [{ dimension: 'path', op: '=', values: ['/a'] }],
      top: 5,
    });
    const fields: Array<[string, string]> = [
      ['radio', 'Builder'],
      ['combobox', 'Show statistic'],
      ['textbox', 'at percent'],
      ['combobox', 'of measure'],
      ['combobox', 'from rollup'],
      ['combobox', 'by dimensions'],
      ['combobox', 'where dimension of filter 1'],
      ['combobox', 'operator of filter 1'],
      ['combobox', 'values of filter 1'],
      ['button', 'Remove filter 1'],
      ['button', 'Add another filter'],
      ['textbox', 'Top series'],
      ['switch', 'and other series as one'],
      ['combobox', 'look back for series'],
      ['textbox', 'legend format'],
      ['combobox', 'compare with an earlier time'],
      ['textbox', 'smooth over points'],
      ['combobox', 'tier length'],
      ['radio', 'Series'],
      ['radio', 'Live'],
    ];
    for (const [role, name] of fields) {
      const field = screen.getByRole(role, { name });
      do {
        await userEvent.tab();
        // Pills can be removed with the keyboard, too.
      } while (document.activeElement?.getAttribute('aria-label')?.startsWith('Remove') && role !== 'button');
      expect(field).toHaveFocus();
    }
  });

  const focus = (element: HTMLElement) => act(() => element.focus());

  test('a dimension is chosen, and cleared', async () => {
    const { changed } = await showEditor();
    focus(screen.getByRole('combobox', { name: 'by dimensions' }));
    await userEvent.keyboard('pa');
    await screen.findByRole('option', { name: 'path' });
    await userEvent.keyboard('{ArrowDown}{Enter}');
    expect(changed()).toMatchObject({ groupBy: ['path'] });
    await userEvent.keyboard('{Backspace}{Backspace}{Escape}{Backspace}');
    expect(changed()).toMatchObject({ groupBy: [] });
  });

  test('a filter is added, filled and removed', async () => {
    const values = { values: [{ value: 'host001', count: 1 }], truncated: false };
    const { changed } = await showEditor({}, { values });
    focus(screen.getByRole('button', { name: 'Add a filter' }));
    await userEvent.keyboard('{Enter}');
    focus(screen.getByRole('combobox', { name: 'values of filter 1' }));
    await userEvent.keyboard('host');
    await screen.findByRole('option', { name: /host001/ });
    await userEvent.keyboard('{ArrowDown}{ArrowDown}{Enter}');
    expect(changed()).toMatchObject({ filters: [{ dimension: 'host', op: '=', values: ['host001'] }] });
    focus(screen.getByRole('button', { name: 'Remove filter 1' }));
    await userEvent.keyboard('{Enter}');
    expect(changed()).toMatchObject({ filters: [] });
  });

  test('how far to read is chosen with the arrows', async () => {
    const { changed } = await showEditor({ read: 'live' });
    focus(screen.getByRole('radio', { name: 'Live' }));
    await userEvent.keyboard('{ArrowRight}');
    expect(changed()).toMatchObject({ read: 'sealed' });
  });
});

test.each<[string, Partial<TidemarkQuery>]>([
  ['a plain query', {}],
  [
    'one of everything',
    {
      stat: 'percentile',
      measure: 'took',
      groupBy: ['host'],
      filters: [
        { dimension: 'path', op: '=', values: ['/a'] },
        { dimension: 'host', op: '=~', values: ['web-.*'] },
      ],
      top: 5,
    },
  ],
  ['a ratio', { stat: 'ratio', condition: 'errors' }],
  ['a query of a newer version', { version: 2 }],
])('axe finds nothing in the editor of %s', async (_, stored) => {
  await showEditor(stored);
  expect(await axeFaults()).toEqual([]);
});
