import { showAge, showLength } from './length';

test.each([
  [1000, '1s'],
  [90_000, '90s'],
  [60_000, '1m'],
  [7_200_000, '2h'],
  [5_400_000, '90m'],
  [86_400_000, '1d'],
  [500, '0.5s'],
])('%p ms is a length of %s', (ms, text) => {
  expect(showLength(ms)).toBe(text);
});

test.each([
  [14_200, '14s'],
  [119_000, '119s'],
  [125_000, '2m'],
  [3 * 3_600_000, '3h'],
  [3 * 86_400_000, '3d'],
  [-500, '0s'],
])('%p ms ago is %s ago', (ms, text) => {
  expect(showAge(ms)).toBe(text);
});
