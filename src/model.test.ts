import { readFileSync } from 'node:fs';
import path from 'node:path';
import { OPERATOR_NAMES } from './filter';
import { unsaid } from './query';
import { faultsOf, FIELD_NAMES, type Model, toModel, withModel } from './model';
import { STATS } from './stat';
import { query } from './test/fixtures';
import { type TidemarkQuery } from './types';

const backend = (file: string) => readFileSync(path.join(__dirname, '../pkg/query', file), 'utf8');
const alerts = readFileSync(path.join(__dirname, '../pkg/plugin/alert.go'), 'utf8');

/** The names in JSON of the fields of a structure in Go. */
function jsonNames(source: string, structure: string): string[] {
  const body = new RegExp(`type ${structure} struct \\{(.*?)\\n\\}`, 's').exec(source)?.[1] ?? '';
  return [...body.matchAll(/`json:"(\w+)/g)].map(([, name = '']) => name);
}

/** The values of the constants of a type in Go. */
function constants(source: string, name: string): string[] {
  return [...source.matchAll(new RegExp(`^\\s+${name}\\s+=?\\s*(?:\\w+\\s+=\\s+)?"(.+?)"`, 'gm'))].map(
    ([, value = '']) => value
  );
}

describe('the model is the one of the backend', () => {
  test('in its fields', () => {
    expect([...FIELD_NAMES].sort()).toEqual(jsonNames(backend('query.go'), 'Query').sort());
  });

  test('in the fields of a filter', () => {
    const filter = Object.fromEntries(jsonNames(backend('filter.go'), 'Filter').map((name) => [name, undefined]));
    const texts = faultsOf({ rollup: 'r', filters: [filter] }).map(({ text }) => text);
    expect(texts.filter((text) => text.includes('There is no'))).toEqual([]);
    expect(texts).toHaveLength(3);
  });

  test('in its statistics', () => {
    expect(STATS.map(({ value }) => value as string).sort()).toEqual(constants(backend('stat.go'), 'Stat\\w+').sort());
  });

  test('in its operators', () => {
    expect([...OPERATOR_NAMES].sort()).toEqual(constants(backend('filter.go'), 'Op\\w+').sort());
  });

  test('in how far it reads', () => {
    const reads = constants(backend('query.go'), 'Read\\w+');
    expect(reads).toHaveLength(3);
    expect(reads.flatMap((read) => faultsOf({ rollup: 'r', read }))).toEqual([]);
  });

  test('in what an alert rule leaves unsaid', () => {
    const { read, lookback } = unsaid(true);
    expect(alerts).toContain(`alertLookback = \`"${lookback}"\``);
    expect(alerts).toContain('alertLookback), query.ReadSealed)');
    expect(backend('query.go')).toContain(`ReadSealed Read = "${read}"`);
  });
});

const everything: Model = {
  rollup: 'log_writes',
  stat: 'percentile',
  measure: 'took',
  condition: 'errors',
  over: 'slow',
  percentile: 99.9,
  groupBy: ['host', '$dim'],
  filters: [{ dimension: 'host', op: '!=', values: ['a'] }],
  top: '$top',
  other: true,
  format: 'series',
  tier: '1m',
  read: 'stream',
  shift: '1d',
  movingAverage: 5,
  lookback: '1w',
  timezone: 'Asia/Shanghai',
  alias: '{{host}}',
};

test('the formats are those of the backend', () => {
  const formats = constants(backend('table.go'), 'Format\\w+');
  expect(formats).toHaveLength(2);
  expect(formats.flatMap((format) => faultsOf({ rollup: 'r', format }))).toEqual([]);
});

test.each<[string, unknown]>([
  ['everything', everything],
  ['the least', { rollup: 'r' }],
  ['what is switched off by zeros', { rollup: 'r', top: 0, movingAverage: 0, percentile: 0 }],
  ['a filter without values', { rollup: 'r', filters: [{ dimension: 'host', op: 'exists' }] }],
])('%s is right', (_, model) => {
  expect(faultsOf(model)).toEqual([]);
});

test.each<[unknown, string]>([
  [[], 'The query must be an object in braces'],
  [{}, '"rollup" is missing'],
  [{ rollup: 1 }, '"rollup" must be text in quotes'],
  [{ rollup: 'r', stat: 'mean' }, '"stat" must be one of count, rate, bytes'],
  [{ rollup: 'r', percentile: 101 }, '"percentile" must be a number above 0 and up to 100'],
  [{ rollup: 'r', percentile: '95' }, '"percentile" must be a number'],
  [{ rollup: 'r', top: 1.5 }, '"top" must be a whole number'],
  [{ rollup: 'r', movingAverage: 1 }, '"movingAverage" must be a whole number from 2 to 1,000'],
  [{ rollup: 'r', other: 'yes' }, '"other" must be true or false'],
  [{ rollup: 'r', shift: '10s' }, '"shift" must be a length such as 90m'],
  [{ rollup: 'r', read: 'now' }, '"read" must be one of live, sealed, stream'],
  [{ rollup: 'r', groupBy: 'host' }, '"groupBy" must be a list of at most 5'],
  [{ rollup: 'r', groupBy: ['a', 'b', 'c', 'd', 'e', 'f'] }, '"groupBy" must be a list of at most 5'],
  [{ rollup: 'r', groupBy: ['host', 2] }, '"groupBy[1]" must be text in quotes'],
  [{ rollup: 'r', filters: [{ dimension: 'host', op: '>' }] }, '"filters[0].op" must be one of =, !='],
  [{ rollup: 'r', filters: [{ op: '=' }] }, '"dimension" is missing'],
  [{ rollup: 'r', groupby: [] }, 'There is no "groupby": "groupBy" is meant'],
  [{ rollup: 'r', limit: 1 }, 'There is no "limit": stat, percentile'],
])('%j is wrong: %s', (model, text) => {
  expect(faultsOf(model).map((fault) => fault.text)).toEqual([expect.stringContaining(text)]);
});

test('says everything that is wrong, and where', () => {
  const faults = faultsOf({ rollup: 'r', top: -1, filters: [{ dimension: 'host', op: '=', values: [1] }] });
  expect(faults.map((fault) => fault.path)).toEqual([['top'], ['filters', 0, 'values', 0]]);
});

describe('a query and its model', () => {
  const beside = { refId: 'B', hide: true, datasource: { uid: 'tm' }, version: 1, editorMode: 'code' as const };
  const stored: TidemarkQuery = { ...query, ...beside, top: 5 };

  test('the model has none of what is kept beside it, and nothing that is not set', () => {
    expect(Object.keys(toModel({ ...stored, measure: undefined })).sort()).toEqual(
      ['filters', 'groupBy', 'read', 'rollup', 'stat', 'tier', 'top'].sort()
    );
  });

  test('another model replaces the former one as a whole, and keeps what is beside it', () => {
    expect(withModel(stored, { rollup: 'requests', stat: 'rate' })).toEqual({
      ...beside,
      rollup: 'requests',
      stat: 'rate',
    });
  });
});
