import { keepRollup, newQuery, rollupToBeginWith } from './newQuery';
import { withDefaults } from './query';
import { logWrites, requests } from './test/fixtures';

const empty = withDefaults({ refId: 'A' });
const visits = { ...logWrites, name: 'visits' };

describe('the rollup to begin with', () => {
  test.each([
    ['the one with the most statistics', [requests, visits], 'visits'],
    ['the first of those', [requests, logWrites, visits], 'log_writes'],
    ['the only one', [requests], 'requests'],
    ['none while there is none', [], undefined],
  ])('is %s', (_, rollups, expected) => {
    expect(rollupToBeginWith('tm', rollups)?.name).toBe(expected);
  });

  test('is the one that was chosen last in the data source, while it is there', () => {
    keepRollup('tm', 'requests');
    expect(rollupToBeginWith('tm', [requests, visits])?.name).toBe('requests');
    expect(rollupToBeginWith('other', [requests, visits])?.name).toBe('visits');
    expect(rollupToBeginWith('tm', [visits])?.name).toBe('visits');
  });
});

test.each([
  ['counts the largest values of a dimension', logWrites, false, { groupBy: ['host'], top: 10, other: true }],
  ['counts everything where there is no dimension', { ...requests, dimensions: [] }, false, { groupBy: [] }],
  ['is one series in an alert rule', logWrites, true, { groupBy: [] }],
])('a new query %s', (_, rollup, isAlert, expected) => {
  expect(newQuery(empty, rollup, isAlert)).toEqual({ ...empty, rollup: rollup.name, ...expected });
});

test('what was said without a rollup is kept', () => {
  const said = { ...empty, stat: 'avg' as const, groupBy: ['path'], top: 3 };
  expect(newQuery(said, logWrites, false)).toMatchObject({ stat: 'avg', measure: 'offset', groupBy: ['path'], top: 3 });
});
