import { expect, test } from 'vitest';
import { formatCount, formatInterval, formatValue, ordinal, withUnit } from './format';

test.each([
  [84.26, 1, '84.3'],
  [0, 1, '0.0'],
  [12, 0, '12'],
  [999.94, 1, '999.9'],
  [1234.5, 1, '1,235'],
  [-1234.4, 2, '-1,234'],
  [0.126, 2, '0.13']
])('value %d with %d decimals is %s', (value, decimals, expected) => {
  expect(formatValue(value, decimals)).toBe(expected);
});

test.each([
  [71.2, 99, '71.2 to 99.0'],
  [null, 99, ''],
  [71.2, null, '']
])('interval %s, %s', (lower, upper, expected) => {
  expect(formatInterval(lower, upper, 1)).toBe(expected);
});

test('counts and units', () => {
  expect(formatCount(118_000)).toBe('118,000');
  expect(withUnit('12.1', '%')).toBe('12.1%');
  expect(withUnit('84.3', 'per 1,000 people')).toBe('84.3 per 1,000 people');
});

test.each([
  [1, '1st'],
  [2, '2nd'],
  [3, '3rd'],
  [4, '4th'],
  [11, '11th'],
  [12, '12th'],
  [13, '13th'],
  [21, '21st'],
  [102, '102nd'],
  [111, '111th']
])('%d is %s', (n, expected) => {
  expect(ordinal(n)).toBe(expected);
});
