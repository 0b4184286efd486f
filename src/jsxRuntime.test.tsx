import { render, screen } from '@testing-library/react';
import { createElement, createRef, forwardRef, isValidElement } from 'react';
import * as runtime from './jsxRuntime';

const Input = forwardRef<HTMLInputElement, { label: string }>(({ label }, ref) => (
  <input ref={ref} aria-label={label} />
));
Input.displayName = 'Input';

test('JSX is compiled to this runtime', () => {
  expect(jest.requireActual('react/jsx-runtime')).toBe(runtime);
});

test('elements are those of the React that draws', () => {
  const element = <p className="calm">sealed</p>;
  expect(isValidElement(element)).toBe(true);
  expect(element).toEqual(createElement('p', { className: 'calm' }, 'sealed'));
});

test('children, keys, fragments and references reach React', () => {
  const ref = createRef<HTMLInputElement>();
  const props = { label: 'Host' };
  render(
    <>
      <h1>Rollup</h1>
      <ul>
        {['host', 'path'].map((name) => (
          <li key={name}>
            by <b>{name}</b>
          </li>
        ))}
      </ul>
      <Input {...props} key="input" ref={ref} />
    </>
  );
  expect(screen.getAllByRole('listitem').map((item) => item.textContent)).toEqual(['by host', 'by path']);
  expect(screen.getByRole('textbox', { name: 'Host' })).toBe(ref.current);
  expect((<li key="a" />).key).toBe('a');
  expect((<li />).key).toBeNull();
});

test('React misses keys only where an array lacks them', () => {
  const error = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  render(
    <div>
      <p>one</p>
      <p>two</p>
    </div>
  );
  expect(error).not.toHaveBeenCalled();
  render(<div>{[<p>one</p>, <p>two</p>]}</div>);
  expect(error).toHaveBeenCalledTimes(1);
  error.mockRestore();
});
