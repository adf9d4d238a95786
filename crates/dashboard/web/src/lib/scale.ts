/** Classes of a map: quantiles over every period of the view, so that colours mean the same when the period changes. */
import { ascending, quantileSorted } from 'd3-array';

export const MOST_CLASSES = 7;

/** How many classes `n` distinct values carry: few values in many classes would be noise. */
export function classCount(n: number): number {
  if (n >= 50) return MOST_CLASSES;
  if (n >= 12) return 5;
  return Math.min(n, 3);
}

export interface Classes {
  /** Lowest value of each class, rising. A value belongs to the last class whose edge it reaches. */
  edges: number[];
  /** Highest value of all. */
  top: number;
}

/** Quantile classes with edges rounded to what the legend prints, so that the legend is exactly true. */
export function quantileClasses(values: number[], decimals: number): Classes {
  const factor = 10 ** decimals;
  const round = (value: number) => Math.round(value * factor) / factor;
  const sorted = values.map(round).sort(ascending);
  const lowest = sorted[0];
  const top = sorted[sorted.length - 1];
  if (lowest === undefined || top === undefined) return { edges: [], top: 0 };
  const count = classCount(new Set(sorted).size);
  const edges = [lowest];
  for (let i = 1; i < count; i++) {
    const edge = round(quantileSorted(sorted, i / count) ?? lowest);
    if (edge > (edges[edges.length - 1] ?? lowest)) edges.push(edge);
  }
  return { edges, top };
}

/** The class of a value, from 0. */
export function classOf(classes: Classes, value: number, decimals: number): number {
  const factor = 10 ** decimals;
  const rounded = Math.round(value * factor) / factor;
  let found = 0;
  classes.edges.forEach((edge, index) => {
    if (rounded >= edge) found = index;
  });
  return found;
}

/** The step of the seven-step palette that a class gets: spread out, so that three classes still differ clearly. */
export function shade(index: number, count: number): number {
  if (count <= 1) return 3;
  return Math.round((index * (MOST_CLASSES - 1)) / (count - 1));
}
