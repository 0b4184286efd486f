import { dateTime, type DataQueryRequest } from '@grafana/data';
import { DataSourceWithBackend } from '@grafana/runtime';
import { EMPTY, firstValueFrom } from 'rxjs';
import { type TidemarkDataSource } from './datasource';
import { fakeDataSource, logWrites, query, requests } from './test/fixtures';
import { type TidemarkQuery, type TidemarkVariableQuery } from './types';
import { TidemarkVariableSupport } from './variables';

const range = {
  from: dateTime(1000),
  to: dateTime(2000),
  raw: { from: 'now-1s', to: 'now' },
};

const values = {
  values: [
    { value: 'host001', count: 3 },
    { value: '', count: 1 },
  ],
  truncated: false,
};

test('a new query counts, and leaves how far it reads to whoever runs it', () => {
  const { datasource } = fakeDataSource();
  expect(datasource.getDefaultQuery()).toMatchObject({ stat: 'count', tier: 'auto' });
  expect(datasource.getDefaultQuery()).not.toHaveProperty('read');
});

test.each([
  ['a complete query', {}, true],
  ['a hidden query', { hide: true }, false],
  ['a query without a rollup', { rollup: '' }, false],
  ['an average without a measure', { stat: 'avg' as const }, false],
  ['a ratio without a condition', { stat: 'ratio' as const }, false],
  ['an annotation', { queryType: 'annotations' }, true],
  ['an annotation that marks nothing', { queryType: 'annotations', kinds: [] }, false],
])('%s is sent: %p', (_, change, expected) => {
  expect(fakeDataSource().datasource.filterQuery({ ...query, ...change })).toBe(expected);
});

test('replaces variables before a query is sent or shown in Explore', () => {
  const { datasource } = fakeDataSource({ variables: { hosts: { value: ['a', 'b'] } } });
  const filtered = { ...query, filters: [{ dimension: 'host', op: '=' as const, values: ['$hosts'] }] };
  const expected = [{ dimension: 'host', op: '=', values: ['a', 'b'] }];
  expect(datasource.applyTemplateVariables(filtered, {}).filters).toEqual(expected);
  expect(datasource.interpolateVariablesInQueries([filtered], {})[0]?.filters).toEqual(expected);
});

describe('the time zone of a request', () => {
  function sent(timezone: string, stored: Partial<TidemarkQuery> = {}) {
    const send = jest.spyOn(DataSourceWithBackend.prototype, 'query').mockReturnValue(EMPTY);
    const request = { targets: [{ ...query, ...stored }], timezone, range } as DataQueryRequest<TidemarkQuery>;
    fakeDataSource().datasource.query(request);
    const [passed] = send.mock.lastCall as [DataQueryRequest<TidemarkQuery>];
    return passed.targets[0]?.timezone;
  }

  test.each<[string, string, Partial<TidemarkQuery>, string]>([
    ["the dashboard's", 'Europe/Berlin', {}, 'Europe/Berlin'],
    ['empty for UTC', 'utc', {}, ''],
    ["the query's own, where it has one", 'Europe/Berlin', { timezone: 'Asia/Tokyo' }, 'Asia/Tokyo'],
    ["the query's own UTC", 'Europe/Berlin', { timezone: '' }, ''],
  ])('is %s', (_, timezone, stored, expected) => {
    expect(sent(timezone, stored)).toBe(expected);
  });
});

describe('a value that is chosen in Explore', () => {
  const grouped = { ...query, groupBy: ['host'] };
  const modify = (type: string, key: string, value: string, stored = grouped) =>
    fakeDataSource().datasource.modifyQuery(stored, { type, options: { key, value } });

  test.each([
    ['ADD_FILTER', '='],
    ['ADD_FILTER_OUT', '!='],
  ])('is filtered by: %s', (type, op) => {
    expect(modify(type, 'host', 'web-1').filters).toEqual([{ dimension: 'host', op, values: ['web-1'] }]);
  });

  test.each([
    ['another dimension', 'ADD_FILTER', 'path', '/a'],
    ['the series of everything else', 'ADD_FILTER', 'host', '(other)'],
    ['another wish', 'ADD_STRING_FILTER', 'host', 'web-1'],
  ])('changes nothing where it is of %s', (_, type, key, value) => {
    expect(modify(type, key, value)).toBe(grouped);
  });
});

describe('ad hoc filters of the dashboard', () => {
  const adHoc = [{ key: 'path', operator: '=|', value: '/a', values: ['/a', '/b'] }];

  test('are added to those of the query', () => {
    const own = { dimension: 'host', op: '=' as const, values: ['a'] };
    const { datasource } = fakeDataSource();
    expect(datasource.applyTemplateVariables({ ...query, filters: [own] }, {}, adHoc).filters).toEqual([
      own,
      { dimension: 'path', op: '=', values: ['/a', '/b'] },
    ]);
  });

  test('do not touch annotations', () => {
    const annotation = { ...query, queryType: 'annotations' };
    expect(fakeDataSource().datasource.applyTemplateVariables(annotation, {}, adHoc).filters).toEqual([]);
  });
});

test('a rollup without percentiles, distinct values or tiers has none, whether or not the backend says so', async () => {
  const { percentiles, distinct, tierProgress, ...older } = requests;
  const { datasource } = fakeDataSource({ others: { rollups: () => ({ rollups: [{ ...older, distinct: null }] }) } });
  expect(await datasource.getRollups()).toEqual([{ ...older, percentiles, distinct, tierProgress }]);
});

test('lists rollups by name', async () => {
  const { datasource } = fakeDataSource({ rollups: [requests, logWrites] });
  expect((await datasource.getRollups()).map(({ name }) => name)).toEqual(['log_writes', 'requests']);
});

test('asks for values with the variables replaced, in the time range, without a pop-up on failure', async () => {
  const { datasource, getResource } = fakeDataSource({ values, variables: { r: { value: 'log_writes' } } });
  await datasource.getValues({ rollup: '$r', dimension: 'host', search: 'ho', range });
  expect(getResource).toHaveBeenCalledWith(
    'values',
    { rollup: 'log_writes', dimension: 'host', search: 'ho', limit: 100, from: 1000, to: 2000 },
    { showErrorAlert: false }
  );
});

describe('a dashboard variable', () => {
  test.each<[string, Partial<TidemarkVariableQuery>, Array<{ text: string; value: string }>]>([
    [
      'the values of a dimension',
      { kind: 'values', rollup: 'log_writes', dimension: 'host' },
      [
        { text: 'host001', value: 'host001' },
        { text: '(empty)', value: '' },
      ],
    ],
    ['nothing without a dimension', { kind: 'values', rollup: 'log_writes' }, []],
    [
      'the rollups',
      { kind: 'rollups' },
      [
        { text: 'log_writes', value: 'log_writes' },
        { text: 'requests', value: 'requests' },
      ],
    ],
    [
      'the dimensions of a rollup',
      { kind: 'dimensions', rollup: '$r' },
      [
        { text: 'host', value: 'host' },
        { text: 'path', value: 'path' },
      ],
    ],
    [
      'the measures of a rollup',
      { kind: 'measures', rollup: 'log_writes' },
      [
        { text: 'offset', value: 'offset' },
        { text: 'took', value: 'took' },
      ],
    ],
    ['its distinct fields', { kind: 'distinct', rollup: 'log_writes' }, [{ text: 'users', value: 'users' }]],
    ['its percentile measures', { kind: 'percentiles', rollup: 'log_writes' }, [{ text: 'took', value: 'took' }]],
    [
      'its tiers, and what chooses among them',
      { kind: 'tiers', rollup: 'requests' },
      [
        { text: 'auto', value: 'auto' },
        { text: '10s', value: '10s' },
      ],
    ],
    ['nothing of an unknown rollup', { kind: 'measures', rollup: 'gone' }, []],
  ])('lists %s', async (_, variableQuery, expected) => {
    const { datasource } = fakeDataSource({ values, variables: { r: { value: 'log_writes' } } });
    const request = { targets: [{ refId: 'V', ...variableQuery }], range, scopedVars: {} };
    const support = new TidemarkVariableSupport(datasource);
    const response = support.query(request as unknown as DataQueryRequest<TidemarkVariableQuery>);
    expect((await firstValueFrom(response)).data).toEqual(expected);
  });

  test('asks for the values in the time range of the dashboard, narrowed by the text', async () => {
    const { datasource, getResource } = fakeDataSource({ values, variables: { pre: { value: 'ho' } } });
    const variableQuery = {
      refId: 'V',
      kind: 'values' as const,
      rollup: 'log_writes',
      dimension: 'host',
      search: '$pre',
    };
    await datasource.metricFindQuery(variableQuery, { range });
    expect(getResource).toHaveBeenCalledWith(
      'values',
      expect.objectContaining({ search: 'ho', limit: 1000, from: 1000, to: 2000 }),
      expect.anything()
    );
  });

  describe('that searches while somebody types', () => {
    const support = (datasource: TidemarkDataSource) => new TidemarkVariableSupport(datasource);

    test.each([
      ['what is typed', { __searchFilter: { value: 'web-7', text: 'Search' } }, 'web-7'],
      ['everything before', {}, ''],
    ])('asks for %s', async (_, scopedVars, expected) => {
      const { datasource, getResource } = fakeDataSource({ values });
      const target = {
        refId: 'V',
        ...support(datasource).getDefaultQuery(),
        kind: 'values' as const,
        rollup: 'log_writes',
        dimension: 'host',
      };
      const request = { targets: [target], range, scopedVars } as unknown as DataQueryRequest<TidemarkVariableQuery>;
      await firstValueFrom(support(datasource).query(request));
      expect(getResource.mock.lastCall?.[1]).toMatchObject({ search: expected });
    });
  });

  test('finds names by what is typed, in capitals or not', async () => {
    const { datasource } = fakeDataSource();
    const scopedVars = { __searchFilter: { value: 'Req', text: 'Search' } };
    const found = await datasource.metricFindQuery({ refId: 'V', kind: 'rollups' }, { scopedVars });
    expect(found.map(({ value }) => value)).toEqual(['requests']);
  });

  test.each<[string, Partial<TidemarkVariableQuery>, Record<string, unknown>]>([
    ['an expression, with the values of variables escaped', { regex: '$pre.*' }, { regex: 'w\\.b.*' }],
    [
      'what other variables are set to',
      { filters: [{ dimension: 'path', op: '=', values: ['$paths'] }] },
      { filters: '[{"dimension":"path","op":"=","values":["/a","/b"]}]' },
    ],
  ])('is narrowed by %s', async (_, narrowed, expected) => {
    const variables = { pre: { value: 'w.b' }, paths: { value: ['/a', '/b'] } };
    const { datasource, getResource } = fakeDataSource({ values, variables });
    await datasource.metricFindQuery({ refId: 'V', kind: 'values', rollup: 'r', dimension: 'host', ...narrowed });
    expect(getResource.mock.lastCall?.[1]).toMatchObject(expected);
  });

  test('is not narrowed by a variable that stands for All', async () => {
    const variables = { every: { value: ['/a', '/b'], text: 'All' } };
    const { datasource, getResource } = fakeDataSource({ values, variables });
    const filters = [{ dimension: 'path', op: '=' as const, values: ['$every'] }];
    await datasource.metricFindQuery({ refId: 'V', kind: 'values', rollup: 'r', dimension: 'host', filters });
    expect(getResource.mock.lastCall?.[1]).not.toHaveProperty('filters');
  });

  test('fails with the reason when the values cannot be loaded', async () => {
    const { datasource } = fakeDataSource({ values: new Error('no such index') });
    const variableQuery = { refId: 'V', kind: 'values' as const, rollup: 'log_writes', dimension: 'host' };
    await expect(datasource.metricFindQuery(variableQuery)).rejects.toThrow('no such index');
  });
});
