import { expect, test } from 'vitest';
import { againstMiddle, finding, type Shown } from './finding';
import { indicator, row } from './fixture';
import type { Row } from './types';

function shown(rows: Row[], change: Partial<Shown> = {}): Shown {
  return {
    indicator: indicator(),
    areaType: 'lsoa',
    periodLabel: '2025',
    category: '',
    rows: new Map(rows.map((r) => [r.area_code, r])),
    places: new Map(),
    ...change
  };
}

const six = [10, 20, 30, 40, 50, null].map((value, index) => row('ABCDEF'[index] ?? '', value));

test.each([
  ['E', 'All recorded crime in Place E: 50.0 per 1,000 people in 2025, higher than the middle small area'],
  ['C', 'All recorded crime in Place C: 30.0 per 1,000 people in 2025, similar to the middle small area'],
  ['A', 'All recorded crime in Place A: 10.0 per 1,000 people in 2025, lower than the middle small area'],
  ['F', 'All recorded crime in Place F: withheld to protect people for 2025'],
  ['', 'All recorded crime in 2025: from 10.0 in Place A to 50.0 per 1,000 people in Place E'],
  ['not-there', 'All recorded crime in 2025: from 10.0 in Place A to 50.0 per 1,000 people in Place E']
])('selected `%s`', (selected, headline) => {
  expect(finding(shown(six), selected).headline).toBe(headline);
});

test('the detail names the rank among those with a figure and the interval', () => {
  expect(finding(shown(six), 'E').detail).toBe(
    'The true level is likely to lie between 45.0 and 55.0 (95% interval). The middle small area has 30.0. It is the highest of the 5 small areas with a figure.'
  );
  expect(finding(shown(six), '').detail).toBe(
    'The middle small area has 30.0 per 1,000 people. 5 small areas have a figure. 1 small area has no figure.'
  );
});

test('two districts have no middle to compare with', () => {
  const two = shown([row('A', 10), row('B', 20)], { areaType: 'district' });
  expect(finding(two, 'A').headline).toBe('All recorded crime in Place A: 10.0 per 1,000 people in 2025');
  expect(finding(two, 'A').detail).toContain('the 2nd highest of the 2 districts');
});

test('nothing shown is said, a category is named', () => {
  const none = shown([row('A', null), row('B', null)], { category: 'Aged 65 and over' });
  expect(finding(none, '').headline).toBe('All recorded crime (aged 65 and over): no figure can be shown for 2025');
});

test('a difference within the interval is not called one', () => {
  expect(againstMiddle({ ...row('A', 10), value: 10, lower_95: 8, upper_95: 12 }, 11)).toBe('similar to');
  expect(againstMiddle({ ...row('A', 10), value: 10, lower_95: null, upper_95: null }, 11)).toBe('lower than');
});

test('a small area is named with the place it is in', () => {
  const places = new Map([['A', 'Clayton Brook']]);
  expect(finding(shown(six, { places }), 'A').headline).toContain('in Place A (Clayton Brook): 10.0');
  expect(finding(shown(six, { places }), 'B').headline).toContain('in Place B: 20.0');
});
