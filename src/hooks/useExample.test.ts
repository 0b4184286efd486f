import { renderHook } from '@testing-library/react';
import { ExampleBox } from '../examples';
import { query } from '../test/fixtures';
import { useExample } from './useExample';

function setUp() {
  const box = new ExampleBox();
  const onRunQuery = jest.fn<void, []>();
  const { rerender } = renderHook(({ current }) => useExample(box, current, onRunQuery), {
    initialProps: { current: query },
  });
  return { box, onRunQuery, show: (current: typeof query) => rerender({ current }) };
}

const example = { ...query, stat: 'rate' as const };

test('runs the example that was chosen, once', () => {
  const { box, onRunQuery, show } = setUp();
  box.put(example);
  show({ ...example, refId: 'B' });
  show({ ...example, refId: 'C' });
  expect(onRunQuery).toHaveBeenCalledTimes(1);
});

test('runs no query that was not chosen as an example', () => {
  const { box, onRunQuery, show } = setUp();
  show(example);
  box.put(example);
  show({ ...query, stat: 'bytes' });
  expect(onRunQuery).not.toHaveBeenCalled();
});
