import { expect, test } from 'vitest';
import { keyOf, NOTHING, readChoice, writeChoice } from './url';

const full = {
  indicator: 'all-crime',
  areaType: 'lsoa',
  periodType: 'calendar-year',
  period: '2025-01-01/P1Y',
  breakdown: 'crime_type',
  category: 'shoplifting & theft',
  area: 'E01990001'
};

test.each([full, NOTHING, { ...NOTHING, indicator: 'x', area: 'NBH-01' }])('an address brings back %o', (choice) => {
  expect(readChoice(writeChoice(choice))).toEqual(choice);
});

test('addresses are legible and never hold a key', () => {
  expect(writeChoice({ ...NOTHING, indicator: 'all-crime', period: '2025-01-01/P1Y' })).toBe(
    '?indicator=all-crime&period=2025-01-01/P1Y'
  );
  expect(writeChoice(NOTHING)).toBe('');
  expect(writeChoice(readChoice('?indicator=a&key=cg_secret'))).toBe('?indicator=a');
});

test.each([
  ['#key=cg_abc', 'cg_abc'],
  ['#main', null],
  ['', null],
  ['#key=', null]
])('fragment `%s`', (fragment, expected) => {
  expect(keyOf(fragment)).toBe(expected);
});
