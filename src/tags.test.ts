import { dateTime } from '@grafana/data';
import { fakeDataSource, query } from './test/fixtures';

const timeRange = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1s', to: 'now' } };
const keysOf: Record<string, string[]> = { '': ['any'], log_writes: ['host', 'path'], requests: ['host', 'status'] };
const others = {
  'tag-keys': ({ rollup }: Record<string, unknown>) => ({
    keys: keysOf[rollup as string]?.map((value) => ({ text: value, value })),
  }),
  'tag-values': ({ rollup }: Record<string, unknown>) => ({
    values: [
      { text: 'a', value: 'a', count: rollup === 'requests' ? 9 : 1 },
      { text: '(empty)', value: '', count: 50 },
      { text: 'b', value: 'b', count: 5 },
    ],
    truncated: false,
  }),
};

describe('the keys of ad hoc filters', () => {
  test.each([
    ['of the rollups that the panels read', ['log_writes', '$r', 'log_writes'], ['host', 'path', 'status']],
    ['of every rollup where no panel names one', [], ['any']],
    ['of every rollup where the named ones are not there', ['gone'], ['any']],
  ])('are the dimensions %s', async (_, rollups, expected) => {
    const { datasource } = fakeDataSource({ others, variables: { r: { value: 'requests' } } });
    const queries = rollups.map((rollup) => ({ ...query, rollup }));
    const keys = await datasource.getTagKeys({ filters: [], queries });
    expect(keys.map(({ value }) => value)).toEqual(expected);
  });
});

describe('the values of ad hoc filters', () => {
  test('come from the rollups that have the dimension, the most frequent first, without the empty one', async () => {
    const { datasource, getResource } = fakeDataSource({ others });
    const found = await datasource.getTagValues({ key: 'host', filters: [], timeRange });
    expect(found).toEqual([
      { text: 'a', value: 'a' },
      { text: 'b', value: 'b' },
    ]);
    expect(getResource.mock.calls.filter(([path]) => path === 'tag-values')).toHaveLength(2);
  });

  test('are those of events that the other filters keep, as far as the rollup has their dimension', async () => {
    const { datasource, getResource } = fakeDataSource({ others });
    await datasource.getTagValues({
      key: 'host',
      filters: [
        { key: 'path', operator: '=|', value: '/a', values: ['/a', '/b'] },
        { key: 'status', operator: '=', value: '200' },
        { key: 'host', operator: '=', value: 'a' },
      ],
      timeRange,
      queries: [query],
    });
    expect(getResource).toHaveBeenLastCalledWith('tag-values', {
      rollup: 'log_writes',
      key: 'host',
      filters: '[{"dimension":"path","op":"=","values":["/a","/b"]}]',
      from: 1000,
      to: 2000,
    });
  });
});

describe('an ad hoc filter', () => {
  const on = (key: string) => ({ key, operator: '=', value: 'x' });

  test.each<[string, string[], string, boolean]>([
    ['of one of the rollups that the panels read applies', ['log_writes', '$r'], 'status', true],
    ['of a rollup that no panel reads does not', ['log_writes'], 'status', false],
    ['of any rollup applies where no panel names one', [], 'status', true],
    ['of no rollup does not', [], 'colour', false],
  ])('%s', async (_, rollups, key, applicable) => {
    const { datasource } = fakeDataSource({ variables: { r: { value: 'requests' } } });
    const queries = rollups.map((rollup) => ({ ...query, rollup }));
    const [answer] = await datasource.getDrilldownsApplicability({ filters: [on(key)], queries });
    expect(answer).toMatchObject({ key, applicable });
    expect(answer?.reason).toBe(applicable ? undefined : `No rollup here has the dimension ${key}`);
  });

  test('that has no key yet is not judged', async () => {
    const { datasource } = fakeDataSource();
    expect(await datasource.getDrilldownsApplicability({ filters: [on('')] })).toEqual([]);
  });
});
