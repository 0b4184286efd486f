import { parseCode, toCode } from './code';
import { query } from './test/fixtures';

const filters = [
  { dimension: 'host', op: '=' as const, values: ['web "1"', ''] },
  { dimension: 'path', op: 'exists' as const, values: [] },
];

test('a query is written with a line a field, and a line a filter', () => {
  expect(toCode({ ...query, groupBy: ['host', 'path'], filters, top: 5 })).toBe(`{
  "stat": "count",
  "rollup": "log_writes",
  "groupBy": ["host", "path"],
  "filters": [
    { "dimension": "host", "op": "=", "values": ["web \\"1\\"", ""] },
    { "dimension": "path", "op": "exists", "values": [] }
  ],
  "top": 5,
  "tier": "auto",
  "read": "live"
}`);
});

test('what is written is read without a change', () => {
  const { refId, ...model } = { ...query, groupBy: ['host'], filters, top: 5, other: true };
  expect(parseCode(toCode({ refId, ...model }))).toEqual({ model });
});

test.each<[string, string, number, string]>([
  ['nothing', '', 1, 'A value is expected'],
  ['what is no JSON', '{"rollup": r}', 1, 'This is no JSON'],
  ['a comma before the end', '{\n  "rollup": "r",\n}', 3, 'A field name in double quotes is expected'],
  ['a missing comma', '{\n  "rollup": "r"\n  "stat": "count"\n}', 3, 'A comma is expected'],
  ['a missing value', '{\n  "rollup":\n}', 3, 'A value is expected'],
  ['a missing colon', '{\n  "rollup" "r"\n}', 2, 'A colon is expected'],
  ['a missing brace', '{\n  "rollup": "r"', 2, 'A closing brace'],
  ['a missing bracket', '{"rollup": "r", "groupBy": ["host"', 1, 'A closing bracket'],
  ['a missing quote', '{"rollup": "r}', 1, 'A closing quote'],
  ['a comment', '{"rollup": "r" // the rollup\n}', 1, 'Comments are not allowed'],
  ['something after the end', '{"rollup": "r"}\n{}', 2, 'Nothing may follow'],
  ['a field of another type', '{\n  "rollup": "r",\n  "top": "ten"\n}', 3, '"top" must be a whole number'],
  ['an unknown field', '{\n  "rollup": "r",\n  "limit": 1\n}', 3, 'There is no "limit"'],
  ['a field that is there twice', '{\n  "rollup": "r",\n  "rollup": "s"\n}', 2, '"rollup" is there twice'],
  ['no rollup', '{\n  "stat": "count"\n}', 1, '"rollup" is missing'],
  ['an empty rollup', '{"rollup": ""}', 1, '"rollup" must name a rollup'],
  ['an average of nothing', '{"rollup": "r", "stat": "avg"}', 1, '"stat" is "avg", which needs a "measure"'],
  ['a ratio of nothing', '{"rollup": "r", "stat": "ratio"}', 1, '"stat" is "ratio", which needs a "condition"'],
])('%s is found, and its line', (_, code, line, text) => {
  expect(parseCode(code).problems?.[0]).toEqual({ line, text: expect.stringContaining(text) as string });
});
