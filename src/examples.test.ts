import { examplesOf } from './examples';
import { displayText, isComplete } from './query';
import { logWrites, requests } from './test/fixtures';

const sentences = (...rollups: Parameters<typeof examplesOf>[0]) =>
  examplesOf(rollups).map(({ query }) => displayText(query));

test('asks the first rollup that can tell', () => {
  expect(sentences(requests, logWrites)).toEqual([
    'Rate from requests',
    'Count from requests by host top 10 and other',
    'Count from requests by host',
    'Ratio of errors over all events from log_writes',
    'Percentile 99 of took from log_writes',
    'Count from requests 1d before',
    'Rate from requests as a live stream',
  ]);
});

test('leaves out what no rollup can tell', () => {
  expect(sentences({ ...requests, dimensions: [] })).toEqual([
    'Rate from requests',
    'Count from requests 1d before',
    'Rate from requests as a live stream',
  ]);
  expect(sentences()).toEqual([]);
});

test('is nothing that cannot be run', () => {
  expect(examplesOf([logWrites]).filter(({ query }) => !isComplete(query))).toEqual([]);
});
