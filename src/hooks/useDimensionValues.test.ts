import { dateTime } from '@grafana/data';
import { renderHook } from '@testing-library/react';
import { fakeDataSource } from '../test/fixtures';
import { useDimensionValues } from './useDimensionValues';

const range = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1s', to: 'now' } };

test('asks for the values in the time range of the panel', async () => {
  const { datasource, getResource } = fakeDataSource();
  const { result } = renderHook(() => useDimensionValues(datasource, 'log_writes', 'host', range));
  await result.current('web');
  expect(getResource).toHaveBeenCalledWith(
    'values',
    { rollup: 'log_writes', dimension: 'host', search: 'web', limit: 100, from: 1000, to: 2000 },
    { showErrorAlert: false }
  );
});

test('offers the variables that fit what was typed, after the values', async () => {
  const values = { values: [{ value: 'host001', count: 1 }], truncated: false };
  const variables = { host: { value: 'a' }, path: { value: 'b' } };
  const { datasource } = fakeDataSource({ values, variables });
  const { result } = renderHook(() => useDimensionValues(datasource, 'log_writes', 'host', range));
  expect((await result.current('HO')).map(({ value }) => value)).toEqual(['host001', '$host']);
});

test('asks nothing while no dimension is chosen', async () => {
  const { datasource, getResource } = fakeDataSource();
  const { result } = renderHook(() => useDimensionValues(datasource, 'log_writes', '', range));
  expect(await result.current('')).toEqual([]);
  expect(getResource).not.toHaveBeenCalled();
});
