import { filterText, isEffective, operatorOptions, withOperator, withValue } from './filter';
import { type Filter, type FilterOperator } from './types';

test.each<[string, FilterOperator, string[], FilterOperator, string[]]>([
  ['values stay when the sense is turned', '=', ['a', 'b'], '!=', ['a', 'b']],
  ['values become an expression', '=', ['/var/a.log', '$host'], '=~', ['/var/a\\.log|$host']],
  ['an expression that lists values becomes them', '=~', ['/var/a\\.log|$host'], '=', ['/var/a.log', '$host']],
  ['any other expression is dropped', '=~', ['web-[0-9]+'], '!=', []],
  ['nothing stays nothing', '=', [], '=~', []],
  ['an empty expression becomes nothing', '=~', [], '=', []],
  ['values go where none are taken', '=', ['a'], 'exists', []],
  ['none come back', '!exists', [], '=', []],
  ['no expression comes back', 'exists', [], '=~', []],
])('on a change of operator %s', (_, op, values, next, expected) => {
  const filter: Filter = { dimension: 'host', op, values };
  expect(withOperator(filter, next)).toEqual({ dimension: 'host', op: next, values: expected });
});

test.each<[string[], string[]]>([
  [['a'], ['=', '!=', '=~', '!~', 'exists', '!exists']],
  [
    ['a', 'b'],
    ['one of', 'not one of', '=~', '!~', 'exists', '!exists'],
  ],
])('with the values %j the operators are called %j', (values, expected) => {
  expect(operatorOptions({ dimension: 'host', op: '=', values }).map(({ label }) => label)).toEqual(expected);
});

test.each<[Filter, string, boolean]>([
  [{ dimension: 'host', op: '=', values: ['a'] }, 'host = a', true],
  [{ dimension: 'host', op: '=', values: ['a', ''] }, 'host one of a, (empty)', true],
  [{ dimension: 'host', op: '!=', values: ['a', 'b'] }, 'host not one of a, b', true],
  [{ dimension: 'host', op: '=~', values: ['a', 'b'] }, 'host =~ a, b', true],
  [{ dimension: 'host', op: '!exists', values: [] }, 'host !exists', true],
  [{ dimension: 'host', op: '!~', values: [] }, 'host !~ ', false],
  [{ dimension: '', op: 'exists', values: [] }, ' exists', false],
])('%j reads %j, and keeps something out: %p', (filter, text, effective) => {
  expect(filterText(filter)).toBe(text);
  expect(isEffective(filter)).toBe(effective);
});

describe('a value of a dimension', () => {
  const path: Filter = { dimension: 'path', op: '=', values: ['/a'] };
  const matching: Filter = { dimension: 'host', op: '=~', values: ['web-.*'] };
  const host = (op: FilterOperator, ...values: string[]): Filter => ({ dimension: 'host', op, values });

  test.each<[string, Filter[], boolean, Filter[]]>([
    ['is kept', [], true, [host('=', 'web-1')]],
    ['is kept instead of others', [host('=', 'web-2', 'web-3'), path], true, [path, host('=', 'web-1')]],
    ['is kept though it was left out', [host('!=', 'web-1')], true, [host('=', 'web-1')]],
    ['is kept of those that match', [matching], true, [matching, host('=', 'web-1')]],
    ['is left out', [path], false, [path, host('!=', 'web-1')]],
    ['is left out like others', [host('!=', 'web-2')], false, [host('!=', 'web-2', 'web-1')]],
    ['is left out once', [host('!=', 'web-1')], false, [host('!=', 'web-1')]],
    [
      'is left out of those that are kept',
      [host('=', 'web-1', 'web-2')],
      false,
      [host('=', 'web-2'), host('!=', 'web-1')],
    ],
    ['is left out though it alone was kept', [host('=', 'web-1')], false, [host('!=', 'web-1')]],
  ])('%s', (_, filters, isKept, expected) => {
    expect(withValue(filters, 'host', 'web-1', isKept)).toEqual(expected);
  });
});
