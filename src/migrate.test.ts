import { isNewer, migrate, QUERY_VERSION } from './migrate';
import { withDefaults } from './query';
import { query } from './test/fixtures';

test('a query of the form without a version keeps its meaning', () => {
  const { version, ...same } = migrate(query);
  expect(version).toBe(1);
  expect(withDefaults(same)).toEqual(withDefaults(query));
});

test.each([
  [undefined, QUERY_VERSION, false],
  [0, QUERY_VERSION, false],
  [QUERY_VERSION, QUERY_VERSION, false],
  [QUERY_VERSION + 1, QUERY_VERSION + 1, true],
])('version %p becomes %p; newer than what is known: %p', (version, expected, newer) => {
  expect(migrate({ version }).version).toBe(expected);
  expect(isNewer({ version })).toBe(newer);
});

test('a query of a form that is not known yet stays as it is', () => {
  const later = { ...query, version: 2, rollup: 'r', somethingNew: { of: 'it' } };
  expect(migrate(later)).toBe(later);
});
