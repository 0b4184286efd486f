import { displayText, fitToRollup, isComplete, withOperator } from './query';
import { logWrites, query, requests } from './test/fixtures';
import { type Filter, type FilterOperator, type TidemarkQuery } from './types';

const byPath: TidemarkQuery = {
  ...query,
  stat: 'avg',
  measure: 'offset',
  groupBy: ['host', 'path', '$dim'],
  filters: [
    { dimension: 'host', op: '=', values: ['host001'] },
    { dimension: 'path', op: '!=', values: ['/var/log'] },
  ],
  top: 5,
  tier: '1m',
  alias: '{{host}}',
};

describe('asking another rollup', () => {
  test('keeps what it also has and drops what it lacks', () => {
    expect(fitToRollup(byPath, requests)).toEqual({
      ...query,
      rollup: 'requests',
      stat: 'count',
      groupBy: ['host', '$dim'],
      filters: [{ dimension: 'host', op: '=', values: ['host001'] }],
      top: 5,
      tier: 'auto',
      alias: '{{host}}',
    });
  });

  test('keeps everything where everything fits', () => {
    expect(fitToRollup(byPath, logWrites)).toEqual(byPath);
  });

  test('chooses a measure where the statistic needs one', () => {
    expect(fitToRollup({ ...byPath, measure: 'gone' }, logWrites)).toMatchObject({ stat: 'avg', measure: 'offset' });
  });
});

test.each<[string, Partial<TidemarkQuery>, boolean]>([
  ['a count from a rollup', { rollup: 'r', stat: 'count' }, true],
  ['a query without a statistic, which counts', { rollup: 'r' }, true],
  ['an average of a measure', { rollup: 'r', stat: 'avg', measure: 'm' }, true],
  ['an average of nothing', { rollup: 'r', stat: 'avg' }, false],
  ['a query without a rollup', { stat: 'count' }, false],
])('%s: complete is %p', (_, partial, expected) => {
  expect(isComplete(partial)).toBe(expected);
});

test.each<[string, FilterOperator, string[], FilterOperator, string[]]>([
  ['values stay when the sense is turned', '=', ['a', 'b'], '!=', ['a', 'b']],
  ['values become an expression', '=', ['/var/a.log', '$host'], '=~', ['/var/a\\.log|$host']],
  ['an expression that lists values becomes them', '=~', ['/var/a\\.log|$host'], '=', ['/var/a.log', '$host']],
  ['any other expression is dropped', '=~', ['web-[0-9]+'], '!=', []],
  ['nothing stays nothing', '=', [], '=~', []],
  ['an empty expression becomes nothing', '=~', [], '=', []],
])('on a change of operator %s', (_, op, values, next, expected) => {
  const filter: Filter = { dimension: 'host', op, values };
  expect(withOperator(filter, next)).toEqual({ dimension: 'host', op: next, values: expected });
});

test.each<[Partial<TidemarkQuery>, string]>([
  [{}, 'Count from log_writes'],
  [{ rollup: '' }, 'No rollup chosen'],
  [{ stat: 'max' }, 'Maximum of ? from log_writes'],
  [byPath, 'Average of offset from log_writes by host, path, $dim where host = host001 and path != /var/log top 5'],
])('%j reads as a sentence', (partial, expected) => {
  expect(displayText({ ...query, ...partial })).toBe(expected);
});
