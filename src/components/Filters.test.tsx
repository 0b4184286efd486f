import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { choices, choose, open } from '../test/choose';
import { fakeDataSource } from '../test/fixtures';
import { type Filter } from '../types';
import { Filters } from './Filters';

type Resources = Parameters<typeof fakeDataSource>[0];

function setUp(stored: Filter[] = [], resources: Resources = {}, dimensions = ['host', 'path']) {
  const { datasource, getResource } = fakeDataSource(resources);
  const onChange = jest.fn<void, [Filter[]]>();
  function Host() {
    const [filters, setFilters] = useState(stored);
    onChange.mockImplementation(setFilters);
    return (
      <Filters
        datasource={datasource}
        rollup="log_writes"
        dimensions={dimensions}
        filters={filters}
        onChange={onChange}
      />
    );
  }
  render(<Host />);
  return { changed: () => onChange.mock.lastCall?.[0], getResource };
}

// The menu of @grafana/ui disables the hint in a way that its own library warns of.
beforeEach(() => {
  jest.spyOn(console, 'warn').mockImplementation(() => {});
});

const byHost: Filter = { dimension: 'host', op: '=', values: ['host001'] };
const values = {
  values: [
    { value: 'host001', count: 12345 },
    { value: '', count: 1 },
  ],
  truncated: true,
};

test('a filter that is added takes a dimension that has none yet', async () => {
  const { changed } = setUp([byHost]);
  await userEvent.click(screen.getByRole('button', { name: 'Add another filter' }));
  expect(changed()).toEqual([byHost, { dimension: 'path', op: '=', values: [] }]);
});

test('no filter can be added while the dimensions are not known', () => {
  setUp([], {}, []);
  expect(screen.getByRole('button', { name: 'Add a filter' })).toBeDisabled();
});

test('the one that is removed goes, the others stay', async () => {
  const other: Filter = { dimension: 'path', op: '!=', values: ['/a'] };
  const { changed } = setUp([byHost, other]);
  await userEvent.click(screen.getByRole('button', { name: 'Remove filter 1' }));
  expect(changed()).toEqual([other]);
});

test('another dimension starts without values', async () => {
  const { changed } = setUp([byHost]);
  await choose('where dimension of filter 1', 'path');
  expect(changed()).toEqual([{ dimension: 'path', op: '=', values: [] }]);
});

describe('values', () => {
  test('are offered with their counts, the missing field and a hint that there are more', async () => {
    const { changed, getResource } = setUp([{ ...byHost, values: [] }], { values });
    await open('values of filter 1');
    await screen.findByRole('option', { name: /host001/ });
    expect(choices()).toEqual(['host00112K events', '(empty)1 event', 'There are more: type to narrow them']);
    expect(getResource).toHaveBeenLastCalledWith(
      'values',
      expect.objectContaining({ rollup: 'log_writes', dimension: 'host', search: '' }),
      expect.anything()
    );
    await userEvent.click(screen.getByRole('option', { name: /empty/ }));
    expect(changed()).toEqual([{ ...byHost, values: [''] }]);
  });

  test('are searched for by what is typed, which can be chosen itself', async () => {
    const { changed, getResource } = setUp([byHost], { values: { values: [], truncated: false } });
    await userEvent.type(await open('values of filter 1'), 'web-$zone');
    await waitFor(() =>
      expect(getResource).toHaveBeenLastCalledWith(
        'values',
        expect.objectContaining({ search: 'web-$zone' }),
        expect.anything()
      )
    );
    await userEvent.click(await screen.findByRole('option', { name: /web-\$zone/ }));
    expect(changed()).toEqual([{ ...byHost, values: ['host001', 'web-$zone'] }]);
  });

  test('leave no text of a search behind, when its menu is closed with Escape', async () => {
    const { changed } = setUp([byHost], { values: { values: [], truncated: false } });
    await userEvent.type(await open('values of filter 1'), 'web');
    await userEvent.click(await screen.findByRole('option', { name: /web/ }));
    await userEvent.keyboard('{Escape}');
    await userEvent.click(document.body);
    expect(screen.getByRole('combobox', { name: 'values of filter 1' })).toHaveValue('');
    expect(changed()).toEqual([{ ...byHost, values: ['host001', 'web'] }]);
  });

  test('include the variables of the dashboard', async () => {
    setUp([byHost], { values, variables: { host: { value: 'a' } } });
    await open('values of filter 1');
    expect(await screen.findByRole('option', { name: /\$host/ })).toBeInTheDocument();
  });

  test('that cannot be loaded say so, and can still be typed', async () => {
    const log = jest.spyOn(console, 'error').mockImplementation(() => {});
    const { changed } = setUp([byHost], { values: new Error('timed out') });
    await userEvent.type(await open('values of filter 1'), 'host002');
    expect(await screen.findByText(/error occurred/i)).toBeInTheDocument();
    await userEvent.click(screen.getByRole('option', { name: /host002/ }));
    expect(changed()).toEqual([{ ...byHost, values: ['host001', 'host002'] }]);
    expect(log).toHaveBeenCalled();
    log.mockRestore();
  });
});

describe('the operator', () => {
  test('turns the values into the expression that matches them', async () => {
    const { changed } = setUp([{ ...byHost, values: ['a.b', 'c'] }]);
    await choose('operator of filter 1', /=~/);
    expect(changed()).toEqual([{ dimension: 'host', op: '=~', values: ['a\\.b|c'] }]);
    expect(screen.getByRole('textbox', { name: 'expression of filter 1' })).toHaveValue('a\\.b|c');
  });

  test('asks for no values where it takes none, and starts without them again', async () => {
    const { changed } = setUp([byHost]);
    await choose('operator of filter 1', /^exists/);
    expect(changed()).toEqual([{ dimension: 'host', op: 'exists', values: [] }]);
    expect(screen.queryByRole('combobox', { name: 'values of filter 1' })).not.toBeInTheDocument();
    await choose('operator of filter 1', /^!=/);
    expect(changed()).toEqual([{ dimension: 'host', op: '!=', values: [] }]);
    expect(screen.getByRole('combobox', { name: 'values of filter 1' })).toBeInTheDocument();
  });

  test('is called by its name for several values where there are some', () => {
    setUp([
      { ...byHost, values: ['a', 'b'] },
      { ...byHost, op: '!=', values: ['a', 'b'] },
    ]);
    expect(screen.getByRole('combobox', { name: 'operator of filter 1' })).toHaveValue('one of');
    expect(screen.getByRole('combobox', { name: 'operator of filter 2' })).toHaveValue('not one of');
  });

  test('an expression takes effect on Enter', async () => {
    const { changed } = setUp([{ dimension: 'host', op: '!~', values: [] }]);
    await userEvent.type(screen.getByRole('textbox', { name: 'expression of filter 1' }), 'web-.*{Enter}');
    expect(changed()).toEqual([{ dimension: 'host', op: '!~', values: ['web-.*'] }]);
  });
});
