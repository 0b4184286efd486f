import { dateTime } from '@grafana/data';
import { fakeDataSource, query } from './test/fixtures';

const timeRange = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1s', to: 'now' } };

describe('the keys of ad hoc filters', () => {
  test.each([
    ['of the rollups that the panels read', ['requests', '$r', 'requests'], ['host', 'path', 'status']],
    ['of one of them', ['log_writes'], ['host', 'path']],
    ['of every rollup where no panel names one', [], ['host', 'path', 'status']],
    ['of every rollup where the named ones are not there', ['gone'], ['host', 'path', 'status']],
  ])('are the dimensions %s', async (_, rollups, expected) => {
    const { datasource } = fakeDataSource({ variables: { r: { value: 'log_writes' } } });
    const queries = rollups.map((rollup) => ({ ...query, rollup }));
    const keys = await datasource.getTagKeys({ filters: [], queries });
    expect(keys.map(({ value }) => value)).toEqual(expected);
  });
});

describe('the values of ad hoc filters', () => {
  const values = {
    values: [
      { value: '', count: 50 },
      { value: 'b', count: 10 },
      { value: 'a', count: 5 },
    ],
    truncated: false,
  };

  test('are those that the backend finds, without the empty one', async () => {
    const { datasource } = fakeDataSource({ values });
    const found = await datasource.getTagValues({ key: 'host', filters: [], timeRange });
    expect(found).toEqual([
      { text: 'b', value: 'b' },
      { text: 'a', value: 'a' },
    ]);
  });

  test.each([
    ['that have the dimension', 'host', [], ['log_writes', 'requests']],
    ['that the panels name', 'host', ['requests'], ['requests']],
    ['that have it where the panels name others', 'path', ['requests'], ['log_writes']],
  ])('come from the rollups %s', async (_, key, names, expected) => {
    const { datasource, getResource } = fakeDataSource({ values });
    const queries = names.map((rollup) => ({ ...query, rollup }));
    await datasource.getTagValues({ key, filters: [], timeRange, queries });
    expect(getResource.mock.lastCall?.[1]).toMatchObject({ rollup: expected, dimension: key });
  });

  test('are asked of no rollup where none has the dimension', async () => {
    const { datasource, getResource } = fakeDataSource({ values });
    expect(await datasource.getTagValues({ key: 'colour', filters: [], timeRange })).toEqual([]);
    expect(getResource).not.toHaveBeenCalledWith('values', expect.anything());
  });

  test('are those of events that the other filters keep, as far as the rollups have their dimensions', async () => {
    const { datasource, getResource } = fakeDataSource({ values });
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
    expect(getResource).toHaveBeenLastCalledWith('values', {
      rollup: ['log_writes'],
      dimension: 'host',
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
