import { act, renderHook, waitFor } from '@testing-library/react';
import { fakeDataSource } from '../test/fixtures';
import { useRollups } from './useRollups';

test('loads the rollups once', async () => {
  const { datasource, getResource } = fakeDataSource();
  const { result, rerender } = renderHook(() => useRollups(datasource));
  expect(result.current).toMatchObject({ loading: true, rollups: [] });
  await waitFor(() => expect(result.current.loading).toBe(false));
  expect(result.current.rollups.map(({ name }) => name)).toEqual(['log_writes', 'requests']);
  rerender();
  expect(getResource).toHaveBeenCalledTimes(1);
});

test.each([
  ['an error', new Error('connection refused'), 'connection refused'],
  ['what the backend says', { status: 502, data: { message: 'no living server' }, config: {} }, 'no living server'],
  ['the status where nothing is said', { status: 502, statusText: 'Bad Gateway', data: {}, config: {} }, 'Bad Gateway'],
])('gives the reason of a failure from %s', async (_, failure, expected) => {
  const { datasource, getResource } = fakeDataSource();
  getResource.mockRejectedValue(failure);
  const { result } = renderHook(() => useRollups(datasource));
  await waitFor(() => expect(result.current).toMatchObject({ loading: false, rollups: [], error: expected }));
});

test('loads again when asked to', async () => {
  const { datasource } = fakeDataSource({ rollups: new Error('connection refused') });
  const { result } = renderHook(() => useRollups(datasource));
  await waitFor(() => expect(result.current.error).toBeDefined());
  jest.spyOn(datasource, 'getRollups').mockResolvedValue([]);
  act(() => result.current.reload());
  expect(result.current.loading).toBe(true);
  expect(result.current.error).toBeUndefined();
  await waitFor(() => expect(result.current).toMatchObject({ loading: false, rollups: [] }));
});

test('takes the list of the data source that is shown, not of the one before', async () => {
  const before = fakeDataSource({ rollups: [] }).datasource;
  const after = fakeDataSource().datasource;
  let answer: (value: []) => void = () => {};
  jest.spyOn(before, 'getRollups').mockReturnValue(new Promise((resolve) => (answer = resolve)));
  const { result, rerender } = renderHook(({ datasource }) => useRollups(datasource), {
    initialProps: { datasource: before },
  });
  rerender({ datasource: after });
  await waitFor(() => expect(result.current.rollups).toHaveLength(2));
  await act(() => Promise.resolve(answer([])));
  expect(result.current.rollups).toHaveLength(2);
});
