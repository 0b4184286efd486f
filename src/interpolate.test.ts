import { interpolateQuery } from './interpolate';
import { fakeTemplateSrv, query } from './test/fixtures';
import { type Filter } from './types';

const templateSrv = fakeTemplateSrv({
  host: { value: 'host001' },
  hosts: { value: ['host001', 'host002'] },
  every: { value: ['host001', 'host002', 'host003'], text: 'All' },
  everyRegex: { value: '$__all', text: 'All', allValue: 'web-.*' },
  named: { value: 'All', text: 'All' },
  zone: { value: ['a', 'b'] },
  blank: { value: '', text: '' },
  missing: { value: '', text: '(empty)' },
  dotted: { value: ['a.b', 'c#d'] },
  limit: { value: '5' },
  rollup: { value: 'requests' },
  cond: { value: 'errors' },
  p: { value: '99.9' },
  tier: { value: '1m' },
  ago: { value: '1d' },
  dim: { value: ['host', 'path'] },
});

const filterBy = (filter: Partial<Filter>, scopedVars = {}) =>
  interpolateQuery(
    { ...query, filters: [{ dimension: 'host', op: '=', values: [], ...filter }] },
    templateSrv,
    scopedVars
  ).filters;

describe('a filter by values', () => {
  test.each<[string, string[], string[] | undefined]>([
    ['plain values stay', ['a', 'b'], ['a', 'b']],
    ['one value is put in', ['$host'], ['host001']],
    ['several values are listed', ['$hosts'], ['host001', 'host002']],
    ['values listed twice are listed once', ['${hosts}', 'host002'], ['host001', 'host002']],
    ['text around a variable is put around each value', ['web-$zone'], ['web-a', 'web-b']],
    ['two variables are combined', ['$zone-$hosts'], ['a-host001', 'a-host002', 'b-host001', 'b-host002']],
    ['All leaves the filter out', ['$every'], undefined],
    ['All beside a value leaves the filter out', ['other', '$every'], undefined],
    ['a custom All leaves the filter out', ['$everyRegex'], undefined],
    ['a value that is called All stays', ['$named'], ['All']],
    ['a variable without a choice leaves the filter out', ['$blank'], undefined],
    ['the value of a missing field stays', ['$missing'], ['']],
    ['an unknown variable stays as it is', ['$nobody'], ['$nobody']],
    ['no values leave the filter out', [], undefined],
  ])('%s', (_, values, expected) => {
    expect(filterBy({ values })).toEqual(expected ? [{ dimension: 'host', op: '=', values: expected }] : []);
  });

  test('by All leaves nothing but events without a value, where it excludes', () => {
    const without = [{ dimension: 'host', op: '!exists', values: [] }];
    expect(filterBy({ op: '!=', values: ['$every'] })).toEqual(without);
  });

  test('takes the one value of a repeated panel although the variable stands for All', () => {
    const scopedVars = { every: { value: 'host002', text: 'host002' } };
    expect(filterBy({ values: ['$every'] }, scopedVars)).toEqual([{ dimension: 'host', op: '=', values: ['host002'] }]);
  });

  test('is left out while it has no dimension', () => {
    expect(filterBy({ dimension: '', values: ['a'] })).toEqual([]);
  });
});

describe('a filter by an expression', () => {
  test.each<[string, string, string | undefined]>([
    ['an expression stays', 'web-[0-9]+$', 'web-[0-9]+$'],
    ['several values become alternatives', 'x-$hosts', 'x-(host001|host002)'],
    ['values are escaped', '$dotted', '(a\\.b|c\\#d)'],
    ['All leaves the filter out', '$every', undefined],
    ['a custom All is used as it was written', '$everyRegex', 'web-.*'],
    ['a variable without a choice leaves the filter out', '$blank', undefined],
  ])('%s', (_, pattern, expected) => {
    expect(filterBy({ op: '=~', values: [pattern] })).toEqual(
      expected ? [{ dimension: 'host', op: '=~', values: [expected] }] : []
    );
  });
});

test('a filter that takes no values has none', () => {
  expect(filterBy({ op: 'exists', values: [] })).toEqual([{ dimension: 'host', op: 'exists', values: [] }]);
  expect(filterBy({ dimension: '', op: '!exists', values: [] })).toEqual([]);
});

test('replaces the rollup of annotations', () => {
  const annotation = { ...query, queryType: 'annotations', rollup: '$rollup', kinds: ['restarts' as const] };
  expect(interpolateQuery(annotation, templateSrv)).toEqual({ ...annotation, rollup: 'requests' });
});

test('replaces variables in every other field', () => {
  const result = interpolateQuery(
    {
      ...query,
      rollup: '$rollup',
      measure: '$host',
      condition: '$cond',
      over: '${cond}',
      percentile: '$p',
      groupBy: ['$dim', 'host'],
      top: '$limit',
      tier: '$tier',
      shift: '$ago',
      movingAverage: '$limit',
      lookback: '$ago',
      alias: '$host {{path}}',
    },
    templateSrv
  );
  expect(result).toMatchObject({
    rollup: 'requests',
    measure: 'host001',
    condition: 'errors',
    over: 'errors',
    percentile: 99.9,
    groupBy: ['host', 'path'],
    top: 5,
    tier: '1m',
    shift: '1d',
    movingAverage: 5,
    lookback: '1d',
    alias: 'host001 {{path}}',
  });
});

test.each([
  [10, 10],
  ['', undefined],
  ['$blank', undefined],
  ['$host', 'host001'],
  [undefined, undefined],
])('top %p is sent as %p', (top, expected) => {
  expect(interpolateQuery({ ...query, top }, templateSrv).top).toBe(expected);
});

test('completes a query that has only some of the fields', () => {
  const sparse = { refId: 'A', rollup: 'log_writes' } as typeof query;
  expect(interpolateQuery(sparse, templateSrv)).toMatchObject({
    stat: 'count',
    groupBy: [],
    filters: [],
    tier: 'auto',
  });
});
