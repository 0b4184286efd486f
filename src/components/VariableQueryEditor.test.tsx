import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { axeFaults } from '../test/axe';
import { choices, choose, open } from '../test/choose';
import { fakeDataSource } from '../test/fixtures';
import { type TidemarkVariableQuery } from '../types';
import { VariableQueryEditor } from './VariableQueryEditor';

async function setUp(
  stored: Partial<TidemarkVariableQuery> = {},
  resources: Parameters<typeof fakeDataSource>[0] = {}
) {
  const { datasource } = fakeDataSource(resources);
  const onChange = jest.fn<void, [TidemarkVariableQuery]>();
  const onRunQuery = jest.fn<void, []>();
  function Host() {
    const [query, setQuery] = useState<TidemarkVariableQuery>({ refId: 'V', kind: 'values', ...stored });
    onChange.mockImplementation(setQuery);
    return <VariableQueryEditor datasource={datasource} query={query} onChange={onChange} onRunQuery={onRunQuery} />;
  }
  await act(() => Promise.resolve(render(<Host />)));
  return { changed: () => onChange.mock.lastCall?.[0], onRunQuery };
}

test('lists the values of a dimension of a rollup', async () => {
  const { changed, onRunQuery } = await setUp();
  await choose(/^Rollup/, /^log_writes/);
  await choose(/^Dimension/, 'path');
  await userEvent.type(screen.getByRole('textbox', { name: /^Containing/ }), 'log{Enter}');
  expect(changed()).toEqual({ refId: 'V', kind: 'values', rollup: 'log_writes', dimension: 'path', search: 'log' });
  expect(onRunQuery).toHaveBeenCalled();
});

test('narrows the values by an expression and by filters', async () => {
  const { changed } = await setUp({ rollup: 'log_writes', dimension: 'host' }, { variables: { p: { value: '/a' } } });
  await userEvent.type(screen.getByRole('textbox', { name: /^Matching/ }), 'web-.*{Enter}');
  await userEvent.click(screen.getByRole('button', { name: 'Add a filter' }));
  await choose('where dimension of filter 1', 'path');
  await choose('values of filter 1', /\$p/);
  expect(changed()).toMatchObject({
    regex: 'web-.*',
    filters: [{ dimension: 'path', op: '=', values: ['$p'] }],
  });
  await userEvent.click(screen.getByRole('button', { name: 'Remove filter 1' }));
  expect(changed()?.filters).toBeUndefined();
});

test('offers the dimensions of the rollup that a variable stands for', async () => {
  await setUp({ rollup: '$r' }, { variables: { r: { value: 'requests' } } });
  await open(/^Dimension/);
  await screen.findByRole('option', { name: 'host' });
  expect(choices()).toEqual(['host', 'status', '$rVariable']);
});

describe('another rollup', () => {
  const filters = ['path', 'host'].map((dimension) => ({ dimension, op: '=' as const, values: ['a'] }));

  test.each<[string, Partial<TidemarkVariableQuery>, Partial<TidemarkVariableQuery>]>([
    ['what it has too', { dimension: 'host', filters }, { dimension: 'host', filters: filters.slice(1) }],
    ['nothing that it lacks', { dimension: 'path', filters: filters.slice(0, 1) }, { dimension: undefined }],
    ['variables', { dimension: '$d' }, { dimension: '$d' }],
  ])('keeps %s', async (_, stored, expected) => {
    const { changed } = await setUp({ rollup: 'log_writes', ...stored });
    await choose(/^Rollup/, /^requests/);
    expect(changed()).toEqual({ refId: 'V', kind: 'values', rollup: 'requests', ...expected });
  });

  test('is told from others by what it has', async () => {
    await setUp();
    await open(/^Rollup/);
    expect(await screen.findByRole('option', { name: /nginx, every 10s, by host, status/ })).toBeInTheDocument();
  });
});

test('lists rollups, which need no further choice', async () => {
  const { changed } = await setUp();
  await choose(/^List/, /^Rollups/);
  expect(changed()).toMatchObject({ kind: 'rollups' });
  expect(screen.queryByRole('combobox', { name: /^Rollup/ })).not.toBeInTheDocument();
});

test('says why the rollups could not be loaded', async () => {
  await setUp({}, { rollups: new Error('401 unauthorized') });
  expect(await screen.findByText('401 unauthorized')).toBeInTheDocument();
});

test('axe finds nothing', async () => {
  const filters = [{ dimension: 'host', op: '=~' as const, values: ['a.*'] }];
  await setUp({ rollup: 'log_writes', dimension: 'host', filters });
  expect(await axeFaults()).toEqual([]);
});
