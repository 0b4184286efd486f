import { zoneName } from './timezone';

function inBrowserOf(timeZone: string) {
  const options = { ...Intl.DateTimeFormat().resolvedOptions(), timeZone };
  jest.spyOn(Intl.DateTimeFormat.prototype, 'resolvedOptions').mockReturnValue(options);
}

test.each([
  ['Asia/Tokyo', 'Asia/Tokyo'],
  ['utc', ''],
  ['UTC', ''],
  ['Etc/UTC', ''],
  ['browser', 'America/New_York'],
  ['', 'America/New_York'],
  [undefined, 'America/New_York'],
])('the zone of %p is %p', (timezone, expected) => {
  inBrowserOf('America/New_York');
  expect(zoneName(timezone)).toBe(expected);
});

test('a browser in UTC has no other zone', () => {
  inBrowserOf('UTC');
  expect(zoneName('browser')).toBe('');
});
