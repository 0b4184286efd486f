import { lacking, missingStats, STATS } from './stat';
import { logWrites, requests } from './test/fixtures';

test('a rollup that has everything lacks nothing', () => {
  expect(STATS.map(({ value }) => lacking(value, logWrites)).filter(Boolean)).toEqual([]);
  expect(missingStats(logWrites)).toEqual([]);
});

test('what a rollup cannot give is said with the reason and what to do', () => {
  expect(missingStats(requests).map(({ label }) => label)).toEqual([
    'Average, Maximum, Minimum, Sum: the rollup has no measures',
    'Percentile: the rollup has no percentiles',
    'Distinct: the rollup has no distinct',
    'Ratio: the rollup has no conditions',
  ]);
  expect(missingStats(requests)[1]?.description).toMatch(/under percentiles/);
});

test('a rollup with measures can lack percentiles of them', () => {
  const plain = { ...logWrites, percentiles: [] };
  expect(missingStats(plain).map(({ needed }) => needed)).toEqual(['percentiles']);
});
