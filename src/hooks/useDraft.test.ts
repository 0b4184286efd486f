import { act, renderHook } from '@testing-library/react';
import { useDraft } from './useDraft';

function setUp() {
  const { result, rerender } = renderHook(({ stored }) => useDraft(stored), { initialProps: { stored: 'a' } });
  return {
    text: () => result.current.text,
    type: (text: string) => act(() => result.current.type(text)),
    take: (text: string, next: string) => act(() => result.current.take(text, next)),
    discard: () => act(() => result.current.discard()),
    store: (stored: string) => rerender({ stored }),
  };
}

test('follows the query while nothing is typed', () => {
  const { text, type, store } = setUp();
  type('a');
  store('b');
  expect(text()).toBe('b');
});

test('keeps what is typed, whatever becomes of the query', () => {
  const { text, type, store } = setUp();
  type('mine');
  store('b');
  expect(text()).toBe('mine');
});

test('keeps the text that was taken over until the query is another one', () => {
  const { text, type, take, store } = setUp();
  type(' b ');
  take(' b ', 'b');
  store('b');
  expect(text()).toBe(' b ');
  store('c');
  expect(text()).toBe('c');
});

test('shows the query again when what is typed is discarded', () => {
  const { text, type, discard } = setUp();
  type('mine');
  discard();
  expect(text()).toBe('a');
});
