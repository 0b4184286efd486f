import { CoreApp, dateTime, type DataQueryRequest } from '@grafana/data';
import { firstValueFrom } from 'rxjs';
import { fakeDataSource, logWrites, query, requests } from './test/fixtures';
import { type TidemarkVariableQuery } from './types';
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

test('a new query counts live, and sealed in an alert rule', () => {
  const { datasource } = fakeDataSource();
  expect(datasource.getDefaultQuery(CoreApp.PanelEditor)).toMatchObject({ stat: 'count', tier: 'auto', read: 'live' });
  expect(datasource.getDefaultQuery(CoreApp.UnifiedAlerting)).toMatchObject({ read: 'sealed' });
});

test.each([
  ['a complete query', {}, true],
  ['a hidden query', { hide: true }, false],
  ['a query without a rollup', { rollup: '' }, false],
  ['an average without a measure', { stat: 'avg' as const }, false],
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
    ['the measures of a rollup', { kind: 'measures', rollup: 'log_writes' }, [{ text: 'offset', value: 'offset' }]],
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

  test('fails with the reason when the values cannot be loaded', async () => {
    const { datasource } = fakeDataSource({ values: new Error('no such index') });
    const variableQuery = { refId: 'V', kind: 'values' as const, rollup: 'log_writes', dimension: 'host' };
    await expect(datasource.metricFindQuery(variableQuery)).rejects.toThrow('no such index');
  });
});
