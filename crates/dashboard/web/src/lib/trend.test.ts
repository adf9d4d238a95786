import { expect, test } from 'vitest';
import { row } from './fixture';
import { direction, labelled, runs, series, shortLabel, valueAxis } from './trend';

const periods = [2021, 2022, 2023, 2024, 2025].map((year) => ({ period: `${year}-01-01/P1Y`, label: String(year) }));
const points = (values: (number | null)[]) =>
  series(
    values.map((value, index) => row('A', value, { period: periods[index]?.period ?? '' })),
    periods.slice(0, values.length),
    'A'
  );

test('a line is never drawn across a gap', () => {
  expect(runs(points([1, 2, null, 4, null])).map((run) => run.map((p) => p.index))).toEqual([[0, 1], [3]]);
  expect(runs(points([null, null]))).toEqual([]);
});

test('a period without a row is a gap too', () => {
  expect(runs(series([], periods, 'A'))).toEqual([]);
  expect(series([], periods, 'A')).toHaveLength(5);
});

test.each([
  [[10, 20, 30], 'Rose between 2021 and 2023'],
  [[30, 20, 10], 'Fell between 2021 and 2023'],
  [[10, 30, 10.5], 'No clear change between 2021 and 2023'],
  [[10, null, null], 'Direction cannot be calculated'],
  [[null, 10, 30], 'Rose between 2022 and 2023']
])('%j: %s', (values, words) => {
  expect(direction(points(values)).words).toBe(words);
});

test('the axis starts at nought and covers interval and middle', () => {
  const axis = valueAxis(points([10, 43]), [60]);
  expect(axis.ticks[0]).toBe(0);
  expect(axis.top).toBeGreaterThanOrEqual(60);
  expect(valueAxis([], []).top).toBe(1);
});

test.each([
  [5, 10, [0, 1, 2, 3, 4]],
  [36, 4, [8, 17, 26, 35]],
  [0, 4, []]
])('of %d positions at most %d are labelled', (count, most, expected) => {
  expect(labelled(count, most)).toEqual(expected);
});

test.each([
  ['Oct to Dec 2025', 'Oct 25'],
  ['April 2023', 'Apr 23'],
  ['2024', '2024'],
  ['2023/24 academic year', '2023/24']
])('%s is %s on the axis', (label, expected) => {
  expect(shortLabel(label)).toBe(expected);
});
