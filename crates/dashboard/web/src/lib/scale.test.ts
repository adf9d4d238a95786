import { expect, test } from 'vitest';
import { classCount, classOf, MOST_CLASSES, quantileClasses, shade } from './scale';

test.each([
  [0, 0],
  [1, 1],
  [2, 2],
  [11, 3],
  [12, 5],
  [49, 5],
  [50, 7],
  [1000, 7]
])('%d distinct values carry %d classes', (values, classes) => {
  expect(classCount(values)).toBe(classes);
});

test('classes of 140 even values hold 20 each', () => {
  const values = Array.from({ length: 140 }, (_, i) => i + 1);
  const classes = quantileClasses(values, 0);
  expect(classes.edges).toHaveLength(MOST_CLASSES);
  const counts = classes.edges.map((_, index) => values.filter((v) => classOf(classes, v, 0) === index).length);
  expect(counts.reduce((sum, n) => sum + n)).toBe(140);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
});

test('ties make fewer classes, never an empty one', () => {
  const values = [...Array<number>(90).fill(0), ...Array.from({ length: 60 }, (_, i) => i / 10)];
  const classes = quantileClasses(values, 1);
  expect(classes.edges.length).toBeLessThan(MOST_CLASSES);
  for (const index of classes.edges.keys()) {
    expect(values.some((value) => classOf(classes, value, 1) === index)).toBe(true);
  }
});

test('the legend is exactly true: printed edges decide', () => {
  const classes = quantileClasses([1.04, 1.06, 2.04, 2.06, 3], 1);
  expect(classes.edges[0]).toBe(1);
  expect(classOf(classes, 1.04, 1)).toBe(0);
  expect(classOf(classes, 3, 1)).toBe(classes.edges.length - 1);
});

test('no values, no classes', () => {
  expect(quantileClasses([], 1)).toEqual({ edges: [], top: 0 });
});

test.each([
  [0, 7, 0],
  [6, 7, 6],
  [0, 3, 0],
  [1, 3, 3],
  [2, 3, 6],
  [0, 1, 3]
])('class %d of %d has shade %d', (index, count, expected) => {
  expect(shade(index, count)).toBe(expected);
});
