import { at, message, NOW } from '../test/live';
import { Rows } from './rows';

const told = (rows: Rows) => rows.all.map(({ time, values }) => [(time - NOW) / 1000, ...values]);

test('rows are kept in the order of time, and one that comes again replaces the one before', () => {
  const rows = new Rows();
  rows.push(message([0, 20], [{ values: [1, 3] }]), NOW);
  rows.push(message([10, 20, 30], [{ values: [2, 33, 4] }]), NOW);
  rows.push(message([-10], [{ values: [0] }]), NOW);
  expect(told(rows)).toEqual([
    [-10, 0],
    [0, 1],
    [10, 2],
    [20, 33],
    [30, 4],
  ]);
});

test('a row without one of the series has no value of it any more', () => {
  const rows = new Rows();
  rows.push(
    message(
      [0],
      [
        { name: 'a', values: [1] },
        { name: 'b', values: [2] },
      ]
    ),
    NOW
  );
  rows.push(message([0], [{ name: 'b', values: [3] }]), NOW);
  expect(rows.all).toHaveLength(1);
  expect(rows.all[0]?.columns.series.map(({ name }) => name)).toEqual(['b']);
  expect(rows.all[0]?.values).toEqual([3]);
});

test('rows of messages with the same series share their description', () => {
  const rows = new Rows();
  rows.push(message([0], [{ labels: { a: '1', b: '2' }, values: [1] }]), NOW);
  rows.push(message([10], [{ labels: { b: '2', a: '1' }, values: [2] }]), NOW);
  expect(rows.all[1]?.columns).toBe(rows.all[0]?.columns);
});

test('a message without a schema has that of the one before', () => {
  const rows = new Rows();
  rows.push(message([0], [{ values: [1] }]), NOW);
  rows.push({ data: { values: [[at(10)], [2]] } }, NOW);
  expect(told(rows)).toEqual([
    [0, 1],
    [10, 2],
  ]);
});

test('what is no number is no value', () => {
  const rows = new Rows();
  const { schema, data } = message([0, 10], [{ values: [null, null] }]);
  rows.push({ schema, data: { values: data!.values, entities: [null, { NaN: [0], Inf: [1] }] } }, NOW);
  expect(told(rows)).toEqual([
    [0, null],
    [10, null],
  ]);
});

test.each([
  ['data without a schema', { data: { values: [[1], [1]] } }, /fields definition/],
  ['a frame without a time', { schema: { fields: [{ name: 'count' }] }, data: { values: [[1]] } }, /no time/],
])('%s cannot be read', (_, told, expected) => {
  expect(() => new Rows().push(told, NOW)).toThrow(expected);
});

describe('limits', () => {
  test('the newest 11,000 rows are kept', () => {
    const rows = new Rows();
    const times = Array.from({ length: 11_002 }, (_, i) => i);
    rows.push(message(times, [{ values: times }]), NOW);
    expect(rows.all).toHaveLength(11_000);
    expect(rows.all[0]?.time).toBe(at(2));
  });

  test('with many series, fewer rows are', () => {
    const rows = new Rows();
    const times = Array.from({ length: 1_001 }, (_, i) => i);
    const series = Array.from({ length: 1_100 }, (_, i) => ({ name: `s${i}`, values: times }));
    rows.push(message(times, series), NOW);
    expect(rows.all).toHaveLength(1_000);
    expect(rows.all[0]?.values).toHaveLength(1_000);
  });
});
