import {
  displayText,
  fitToRollup,
  fitToStat,
  isComplete,
  isDuration,
  isMovingAverage,
  isPercentile,
  isTop,
  toNumber,
} from './query';
import { logWrites, query, requests } from './test/fixtures';
import { type TidemarkQuery } from './types';

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

describe('another statistic', () => {
  test.each<[string, Partial<TidemarkQuery>, Partial<TidemarkQuery>]>([
    ['keeps a measure that it has too', { stat: 'max', measure: 'took' }, { measure: 'took' }],
    ['chooses another measure', { stat: 'percentile', measure: 'offset' }, { measure: 'took', percentile: 95 }],
    ['chooses a distinct field', { stat: 'distinct', measure: 'offset' }, { measure: 'users' }],
    ['keeps a variable', { stat: 'distinct', measure: '$m' }, { measure: '$m' }],
    ['leaves out a measure that it may lack', { stat: 'delta', measure: 'users' }, { measure: undefined }],
    ['chooses a condition', { stat: 'ratio' }, { condition: 'errors', over: undefined }],
    [
      'keeps both conditions',
      { stat: 'ratio', condition: 'slow', over: 'errors' },
      { condition: 'slow', over: 'errors' },
    ],
    [
      'drops what is of a ratio only',
      { stat: 'count', condition: 'slow', over: 'errors' },
      { condition: 'slow', over: undefined },
    ],
    [
      'drops conditions',
      { stat: 'bytes', condition: 'slow', over: 'errors' },
      { condition: undefined, over: undefined },
    ],
    ['keeps a percentile', { stat: 'percentile', measure: 'took', percentile: 50 }, { percentile: 50 }],
    ['drops a percentile', { stat: 'avg', measure: 'took', percentile: 50 }, { percentile: undefined }],
  ])('%s', (_, changed, expected) => {
    const fitted = fitToStat({ ...query, ...changed }, logWrites);
    expect(fitted).toEqual({ ...fitted, stat: changed.stat, ...expected });
  });

  test.each<TidemarkQuery['stat']>(['avg', 'percentile', 'distinct', 'ratio'])(
    'is Count where there is no %s',
    (stat) => {
      expect(fitToStat({ ...query, stat }, requests)).toEqual(query);
    }
  );

  test('keeps what it cannot judge while the rollup is not known', () => {
    const unknown: TidemarkQuery = { ...query, stat: 'distinct', measure: 'users' };
    expect(fitToStat(unknown, undefined)).toEqual(unknown);
  });
});

test.each<[string, Partial<TidemarkQuery>, boolean]>([
  ['a count from a rollup', { rollup: 'r', stat: 'count' }, true],
  ['a query without a statistic, which counts', { rollup: 'r' }, true],
  ['an average of a measure', { rollup: 'r', stat: 'avg', measure: 'm' }, true],
  ['an average of nothing', { rollup: 'r', stat: 'avg' }, false],
  ['a query without a rollup', { stat: 'count' }, false],
  ['a percentile of nothing', { rollup: 'r', stat: 'percentile' }, false],
  ['distinct values of nothing', { rollup: 'r', stat: 'distinct' }, false],
  ['the rise of the count', { rollup: 'r', stat: 'delta' }, true],
  ['a ratio of a condition', { rollup: 'r', stat: 'ratio', condition: 'errors' }, true],
  ['a ratio of nothing', { rollup: 'r', stat: 'ratio', over: 'errors' }, false],
  ['marks of everything', { rollup: 'r', queryType: 'annotations' }, true],
  ['marks of nothing', { rollup: 'r', queryType: 'annotations', kinds: [] }, false],
])('%s: complete is %p', (_, partial, expected) => {
  expect(isComplete(partial)).toBe(expected);
});

test.each<[Partial<TidemarkQuery>, string]>([
  [{}, 'Count from log_writes'],
  [{ rollup: '' }, 'No rollup chosen'],
  [{ stat: 'max' }, 'Maximum of ? from log_writes'],
  [byPath, 'Average of offset from log_writes by host, path, $dim where host = host001 and path != /var/log top 5'],
  [{ condition: 'errors' }, 'Count of errors from log_writes'],
  [{ stat: 'bytes', condition: 'errors' }, 'Bytes from log_writes'],
  [{ stat: 'ratio' }, 'Ratio of ? over all events from log_writes'],
  [{ stat: 'ratio', condition: 'errors', over: 'slow' }, 'Ratio of errors over slow from log_writes'],
  [{ stat: 'percentile', measure: 'took' }, 'Percentile 95 of took from log_writes'],
  [{ stat: 'percentile', measure: 'took', percentile: 99.9 }, 'Percentile 99.9 of took from log_writes'],
  [{ stat: 'distinct', measure: 'users' }, 'Distinct of users from log_writes'],
  [{ stat: 'delta' }, 'Delta from log_writes'],
  [{ stat: 'delta', measure: 'offset' }, 'Delta of offset from log_writes'],
  [{ top: 3, other: true, shift: '1d' }, 'Count from log_writes top 3 and other 1d before'],
  [{ movingAverage: 5 }, 'Count from log_writes smoothed over 5 points'],
  [
    {
      filters: [
        { dimension: 'host', op: '!=', values: ['a', ''] },
        { dimension: 'path', op: 'exists', values: [] },
        { dimension: 'path', op: '=', values: [] },
      ],
    },
    'Count from log_writes where host not one of a, (empty) and path exists',
  ],
  [{ queryType: 'annotations' }, 'Marks of log_writes'],
])('%j reads as a sentence', (partial, expected) => {
  expect(displayText({ ...query, ...partial })).toBe(expected);
});

test.each([
  ['', undefined],
  [' 10 ', 10],
  ['99.9', 99.9],
  ['$limit', '$limit'],
  ['ten', 'ten'],
  ['-1', -1],
  ['Infinity', 'Infinity'],
])('%j is the number %p', (text, expected) => {
  expect(toNumber(text)).toBe(expected);
});

describe('a number is valid', () => {
  test.each([
    ['top', isTop, [undefined, 1, '$n'], [0, -1, 1.5, 'ten']],
    ['percentile', isPercentile, [undefined, 0.1, 99.9, 100, '${p}'], [0, 100.1, 'p95']],
    ['moving average', isMovingAverage, [undefined, 2, 1000, '$k'], [1, 1001, 2.5, 'x']],
  ])('as %s', (_, isValid, right, wrong) => {
    expect(right.map((value) => isValid(value))).toEqual(right.map(() => true));
    expect(wrong.map((value) => isValid(value))).toEqual(wrong.map(() => false));
  });
});

test.each([
  [undefined, true],
  ['', true],
  ['90m', true],
  ['12h', true],
  ['1d', true],
  ['4w', true],
  ['$ago', true],
  ['0d', false],
  ['10s', false],
  ['1.5h', false],
  ['1d12h', false],
  ['day', false],
])('%p is a length of time: %p', (text, expected) => {
  expect(isDuration(text)).toBe(expected);
});
