import { expect, test } from 'vitest';
import { byArea, byTheme, categories, middle, ofCategory, rankOf, sortRows, viewChoices, type Sort } from './data';
import { indicator, row } from './fixture';

const view = (area_type: string, period_type: string, by: string[]) => ({
  name: `${area_type}-${period_type}`,
  area_type,
  period_type,
  by,
  periods: [],
  cells: 0,
  visible: 0
});

test('views with the same areas and periods are one choice with all breakdowns', () => {
  const choices = viewChoices([
    view('lsoa', 'calendar-year', []),
    view('district', 'quarter', []),
    view('district', 'quarter', ['outcome']),
    view('district', 'quarter', ['sex', 'outcome'])
  ]);
  expect(choices.map((choice) => [choice.areaType, choice.breakdowns])).toEqual([
    ['lsoa', []],
    ['district', ['outcome', 'sex']]
  ]);
});

test('indicators are grouped by theme, in order of title', () => {
  const list = [
    indicator({ title: 'B', theme: 'Housing' }),
    indicator({ title: 'Z', theme: 'Economy' }),
    indicator({ title: 'A', theme: 'Housing' })
  ];
  expect(byTheme(list).map(([theme, items]) => [theme, items.map((i) => i.title)])).toEqual([
    ['Economy', ['Z']],
    ['Housing', ['A', 'B']]
  ]);
});

test('ages are in order of age, all first, unknown last', () => {
  const rows = ['65+', 'unknown', '16-64', 'all', '5-15'].map((age) => row('A', 1, { age }));
  expect(categories(rows, 'age')).toEqual(['all', '5-15', '16-64', '65+', 'unknown']);
  expect(categories(rows, '')).toEqual(['all']);
});

test('a category keeps its own rows only', () => {
  const of = (breakdown: string) => row('A', 1, { breakdown_type: 'outcome', breakdown });
  const rows = [of('all'), of('see-and-treat')];
  expect(ofCategory(rows, 'outcome', '')).toEqual([rows[0]]);
  expect(ofCategory(rows, 'outcome', 'see-and-treat')).toEqual([rows[1]]);
});

test('rows of one period by area', () => {
  const rows = [row('A', 1), row('A', 2, { period: '2024-01-01/P1Y' }), row('B', null)];
  expect([...byArea(rows, '2025-01-01/P1Y').values()]).toEqual([rows[0], rows[2]]);
});

test('the middle needs five areas with a figure', () => {
  expect(middle([1, 2, 3, 4].map((value) => row('A', value)))).toBeNull();
  expect(middle([5, 1, 4, null, 2, 3].map((value) => row('A', value)))).toBe(3);
});

test.each([
  [9, { rank: 1, of: 4, tied: false }],
  [5, { rank: 2, of: 4, tied: true }],
  [1, { rank: 4, of: 4, tied: false }]
])('rank of %d', (value, expected) => {
  const rows = [9, 5, 5, 1, null].map((v, index) => row(String(index), v));
  expect(rankOf(rows, value)).toEqual(expected);
});

test.each<[Sort, string]>([
  [{ key: 'value', down: true }, 'B,A,D,C'],
  [{ key: 'value', down: false }, 'D,A,B,C'],
  [{ key: 'area', down: false }, 'A,B,C,D'],
  [{ key: 'area', down: true }, 'D,C,B,A'],
  [{ key: 'count', down: true }, 'B,A,D,C'],
  [{ key: 'interval', down: false }, 'D,A,B,C'],
  [{ key: 'status', down: false }, 'C,A,B,D']
])('sorted by %o', (sort, expected) => {
  const rows = [row('C', null), row('A', 2), row('D', 1), row('B', 10)];
  const order = sortRows(rows, sort).map((r) => r.area_code);
  expect(order.join()).toBe(expected);
});
