import { type AdHocVariableFilter } from '@grafana/data';
import { toFilters } from './adHoc';

test.each<[string, Partial<AdHocVariableFilter>, string, string[]]>([
  ['a value', { operator: '=', value: 'a' }, '=', ['a']],
  ['anything but a value', { operator: '!=', value: 'a' }, '!=', ['a']],
  ['one of several', { operator: '=|', value: 'a', values: ['a', 'b'] }, '=', ['a', 'b']],
  ['none of several', { operator: '!=|', value: 'a', values: ['a', 'b'] }, '!=', ['a', 'b']],
  ['one of one', { operator: '=|', value: 'a' }, '=', ['a']],
  ['an expression', { operator: '=~', value: 'web-.*' }, '=~', ['web-.*']],
  ['no match of an expression', { operator: '!~', value: 'web-.*' }, '!~', ['web-.*']],
  ['an operator that filters lack', { operator: '<', value: '1' }, '<', ['1']],
])('%s is asked for', (_, adHoc, op, values) => {
  expect(toFilters([{ key: 'host', operator: '=', value: '', ...adHoc }])).toEqual([{ dimension: 'host', op, values }]);
});

test('a filter without a key is left out', () => {
  expect(toFilters([{ key: '', operator: '=', value: 'a' }])).toEqual([]);
});
