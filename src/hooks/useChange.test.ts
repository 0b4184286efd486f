import { renderHook } from '@testing-library/react';
import { useChange } from './useChange';

function setUp() {
  const onChange = jest.fn<void, [{ top: number }]>();
  const { result, rerender } = renderHook(({ query }) => useChange(query, onChange), {
    initialProps: { query: { top: 1 } },
  });
  return {
    onChange,
    change: (top: number) => result.current({ top }),
    show: (top: number) => rerender({ query: { top } }),
  };
}

test('passes a choice on once, however often it is reported', () => {
  const { onChange, change, show } = setUp();
  change(2);
  change(2);
  show(1);
  change(2);
  show(2);
  change(2);
  expect(onChange.mock.calls).toEqual([[{ top: 2 }]]);
});

test('passes on what differs from a query that was replaced from outside', () => {
  const { onChange, change, show } = setUp();
  change(2);
  show(2);
  show(3);
  change(2);
  expect(onChange.mock.calls).toEqual([[{ top: 2 }], [{ top: 2 }]]);
});

test('passes the way back on', () => {
  const { onChange, change } = setUp();
  change(2);
  change(1);
  expect(onChange.mock.calls).toEqual([[{ top: 2 }], [{ top: 1 }]]);
});
