import '@testing-library/jest-dom';
import { configure } from '@testing-library/react';
import { TextDecoder, TextEncoder } from 'node:util';

class Observer {
  observe() {}
  unobserve() {}
  disconnect() {}
}

// What a browser has and jsdom lacks.
Object.assign(globalThis, {
  TextDecoder,
  TextEncoder,
  ResizeObserver: Observer,
  IntersectionObserver: Observer,
  matchMedia: () => ({ matches: false, addEventListener: () => {}, removeEventListener: () => {} }),
});

// jsdom draws nothing and lays nothing out. @grafana/ui measures text on a canvas, and its menus show only the rows that
// fit into the height they are told.
HTMLCanvasElement.prototype.getContext = (() => ({
  measureText: (text: string) => ({ width: text.length * 8 }),
})) as unknown as HTMLCanvasElement['getContext'];
Element.prototype.getBoundingClientRect = () => ({ width: 400, height: 400, top: 0, left: 0 }) as DOMRect;
for (const length of ['offsetWidth', 'offsetHeight', 'clientWidth', 'clientHeight']) {
  Object.defineProperty(HTMLElement.prototype, length, { configurable: true, get: () => 400 });
}

// i18next, which @grafana/ui loads, advertises itself there.
Object.assign(console, { info: () => {} });

// Menus load and draw in steps, which take their time on a busy machine.
configure({ asyncUtilTimeout: 10_000 });

// What a browser remembers is not for the next test.
afterEach(() => window.localStorage.clear());
