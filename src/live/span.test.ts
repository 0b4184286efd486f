import { dateTime } from '@grafana/data';
import { NOW } from '../test/live';
import { presentSpan } from './span';

const HOUR = 3_600_000;
const asked = { from: dateTime(NOW - 2 * HOUR), to: dateTime(NOW - HOUR) };

beforeEach(() => jest.useFakeTimers({ now: NOW + 500 }));
afterEach(() => jest.useRealTimers());

test.each([
  ['relative bounds move with time', { from: 'now-1h', to: 'now' }, NOW + 500 - HOUR, NOW + 500],
  ['the beginning of a day is that of the time zone', { from: 'now/d', to: 'now' }, NOW - 13 * HOUR, NOW + 500],
  ['times stay', asked, NOW - 2 * HOUR, NOW - HOUR],
  ['times in text stay', { from: '2026-01-01T10:00:00Z', to: 'now' }, NOW - 2 * HOUR, NOW + 500],
  ['text that is no time stands for what was asked', { from: 'then', to: '1767265200000' }, NOW - 2 * HOUR, NOW - HOUR],
])('%s', (_, raw, from, to) => {
  expect(presentSpan({ ...asked, raw }, 'Europe/Berlin')).toEqual({ from, to });
});
