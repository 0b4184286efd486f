import { createDataFrame, LoadingState, type PanelData } from '@grafana/data';
import { readingOf } from './reading';
import { logWrites, query, requests } from './test/fixtures';
import { type TidemarkQuery } from './types';

const AT = Date.parse('2026-01-01T12:03:34Z');

/** An answer that tells how it was made. */
function answer(custom: object = {}, asked: Partial<TidemarkQuery> = {}, intervalMs = 60_000): PanelData {
  const target: unknown = JSON.parse(JSON.stringify({ ...query, ...asked })); // as it is saved
  const info = { bucketMs: 60_000, tidemark: '2026-01-01T12:03:20Z', read: 'live', ...custom };
  return {
    state: LoadingState.Done,
    series: [createDataFrame({ refId: 'A', meta: { custom: info }, fields: [] })],
    request: { targets: [target], intervalMs, timezone: 'utc', startTime: AT - 20, endTime: AT },
  } as unknown as PanelData;
}

const segments = [
  { tier: '1m', from: '2025-12-31T12:00:00Z', to: '2026-01-01T12:03:00Z' },
  { tier: '10s', from: '2026-01-01T12:03:00Z', to: '2026-01-01T12:03:30Z' },
];

const read = (asked: Partial<TidemarkQuery>, data?: PanelData) => readingOf({ ...query, ...asked }, logWrites, data);

test('tells the unit, the points, the tiers and how fresh they are', () => {
  expect(read({}, answer({ segments }))).toEqual([
    'events in each point',
    "a point every 1m, as the panel's interval wants",
    'from tier 1m up to 12:03:00, then 10s',
    'sealed up to 12:03:20, 14s ago',
  ]);
});

test('tells that a table is of the whole range', () => {
  expect(read({ format: 'table' }, answer({ segments, bucketMs: 10_800_000 }, { format: 'table' }))).toEqual([
    'events in the time range',
    'one value of the whole range',
    'from tier 1m up to 12:03:00, then 10s',
    'sealed up to 12:03:20, 14s ago',
  ]);
});

test('takes an answer to a query that was saved without what is usual', () => {
  expect(read({}, answer({ segments }, { tier: undefined, stat: undefined }))).toContain(
    'from tier 1m up to 12:03:00, then 10s'
  );
});

test.each<[Partial<TidemarkQuery>, string]>([
  [{ stat: 'rate' }, 'events per second'],
  [{ stat: 'bytes' }, 'bytes in each point'],
  [{ stat: 'ratio', condition: 'errors' }, 'a share: 1 is 100 %'],
  [{ stat: 'avg', measure: 'took' }, 'in the unit of took'],
  [{ stat: 'percentile', measure: 'took' }, 'in the unit of took, give or take 1 %'],
  [{ stat: 'distinct', measure: 'users' }, 'different values, with a standard error of 0.8 %'],
  [{ stat: 'delta' }, 'events more than in the point before'],
  [{ stat: 'delta', measure: 'took' }, 'rise in the unit of took'],
])('the unit of %j is %s', (asked, unit) => {
  expect(read(asked)[0]).toBe(unit);
});

test.each<[string, number, number, Partial<TidemarkQuery>, string]>([
  ['the panel wants it', 60_000, 50_000, {}, "a point every 1m, as the panel's interval wants"],
  ['windows are longer', 10_000, 1000, {}, 'a point every 10s, the length of the windows'],
  ['a tier is chosen', 60_000, 1000, { tier: '1m' }, 'a point every 1m, since tier 1m is chosen'],
  ['of something else', 3_600_000, 1000, {}, 'a point every 1h'],
])('tells how far points are apart, where %s', (_, bucketMs, interval, asked, text) => {
  expect(read(asked, answer({ bucketMs }, asked, interval))).toContain(text);
});

test.each<[string, Array<{ tier: string; to: string }>, string]>([
  ['one', [{ tier: '1h', to: '2026-01-01T12:00:00Z' }], 'from tier 1h'],
  [
    'some on another day',
    [
      { tier: '1h', to: '2025-12-31T12:00:00Z' },
      { tier: '10s', to: '2026-01-01T12:00:00Z' },
    ],
    'from tier 1h up to 2025-12-31 12:00:00, then 10s',
  ],
  ['many', ['10s', '1m', '1h', '10s'].map((tier) => ({ tier, to: '2026-01-01T12:00:00Z' })), 'from tiers 10s, 1m, 1h'],
])('tells the tiers, where there are %s', (_, spans, text) => {
  expect(read({}, answer({ segments: spans }))).toContain(text);
});

test.each([
  ['sidecar', 'live from the sidecars up to 12:03:34'],
  ['polling', 'asked of Elasticsearch again and again, up to 12:03:34'],
])('tells how far a stream of %s has come', (source, text) => {
  expect(read({}, answer({ live: { source, through: '2026-01-01T12:03:34Z' } }))).toContain(text);
});

test('tells what is known of the rollup while there is no answer', () => {
  const known = { ...logWrites, tidemark: '2026-01-01T12:00:00Z', behindSeconds: 14.2 };
  const [unit, tiers, sealed] = readingOf(query, known);
  expect([unit, tiers]).toEqual(['events in each point', 'from tiers 10s, 1m']);
  expect(sealed).toMatch(/^sealed up to \d\d:\d\d:\d\d, 14s ago$/);
});

test.each<[string, Partial<TidemarkQuery>]>([
  ['another rollup', { rollup: 'requests' }],
  ['another format', { format: 'table' }],
  ['another tier', { tier: '10s' }],
  ['another statistic', { stat: 'rate' }],
])('takes no answer to a query of %s', (_, asked) => {
  expect(read({}, answer({ segments }, asked))).toContain('from tiers 10s, 1m');
});

test('says where nothing is sealed', () => {
  expect(readingOf(query, requests)).toContain('nothing sealed yet');
});

describe('a grouping that is not kept by itself', () => {
  const byHost = { dimension: 'host', op: '=' as const, values: ['a'] };

  test.each<[Partial<TidemarkQuery>, string | undefined]>([
    [{}, undefined],
    [{ groupBy: ['path'] }, undefined],
    [{ groupBy: ['host'] }, 'merged from host, path'],
    [{ filters: [byHost] }, 'merged from host, path'],
    [{ groupBy: ['path'], filters: [byHost] }, undefined],
    [{ groupBy: ['gone'] }, 'the rollup is not kept by gone'],
    [{ groupBy: ['$dim'] }, undefined],
  ])('of %j: %s', (asked, text) => {
    expect(read(asked).find((part) => part.startsWith('merged') || part.includes('not kept'))).toBe(text);
  });
});
