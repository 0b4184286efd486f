import { createElement, Fragment, type ElementType, type Key, type ReactElement, type ReactNode } from 'react';

/**
 * What JSX is compiled to, here and in the libraries that the bundle holds: `react/jsx-runtime` is this file.
 *
 * React's own must come from the React that draws: one of React 18 fails under React 19, which Grafana has since 13.2. Grafana
 * shares its own only since 12.2.5. `createElement`, of the React that every Grafana shares, does the same in all of them.
 */
interface Props extends Record<string, unknown> {
  children?: ReactNode;
}

export { Fragment };

export function jsx(type: ElementType, props: Props, key?: Key): ReactElement {
  return createElement(type, withKey(props, key));
}

/** For children that are written out one by one: they need no keys, as those of an array do. */
export function jsxs(type: ElementType, { children, ...props }: Props, key?: Key): ReactElement {
  return createElement(type, withKey(props, key), ...(children as ReactNode[]));
}

function withKey(props: Props, key?: Key): Props {
  return key === undefined ? props : { ...props, key };
}
