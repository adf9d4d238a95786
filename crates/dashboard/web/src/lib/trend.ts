/** A trend line: its parts, and what may be said about it. */
import { max, ticks } from 'd3-array';
import type { PeriodItem, Row } from './types';
import { hasValue } from './words';

export interface Point {
  index: number;
  period: PeriodItem;
  row: Row | undefined;
}

/** A point for each period, in order, with or without a figure. */
export function series(rows: Row[], periods: PeriodItem[], area: string): Point[] {
  const mine = new Map(rows.filter((row) => row.area_code === area).map((row) => [row.period, row]));
  return periods.map((period, index) => ({ index, period, row: mine.get(period.period) }));
}

export type Drawn = Point & { row: Row & { value: number } };

/** Runs of neighbouring periods with a figure: a line is never drawn across a gap. */
export function runs(points: Point[]): Drawn[][] {
  const found: Drawn[][] = [];
  let run: Drawn[] = [];
  for (const point of points) {
    if (hasValue(point.row)) {
      run.push({ ...point, row: point.row });
    } else if (run.length) {
      found.push(run);
      run = [];
    }
  }
  if (run.length) found.push(run);
  return found;
}

/** The scale of the value axis: from 0, since rates and counts are read by their height, to a round number. */
export function valueAxis(points: Point[], extra: number[]): { top: number; ticks: number[] } {
  const values = points.flatMap(({ row }) => (hasValue(row) ? [row.value, row.upper_95 ?? row.value] : []));
  const highest = max([...values, ...extra]) ?? 0;
  if (highest <= 0) return { top: 1, ticks: [0] };
  const marks = ticks(0, highest, 4);
  const step = (marks[1] ?? highest) - (marks[0] ?? 0);
  const top = Math.ceil(highest / step - 1e-9) * step;
  return { top, ticks: ticks(0, top, 4) };
}

/** First against last by their intervals; a change is only called one where they do not overlap. */
export function direction(points: Point[]): { arrow: string; words: string } {
  const drawn = runs(points).flat();
  const first = drawn[0];
  const last = drawn[drawn.length - 1];
  if (!first || !last || drawn.length < 2) return { arrow: '', words: 'Direction cannot be calculated' };
  const span = `between ${first.period.label} and ${last.period.label}`;
  const [a, b] = [first.row, last.row];
  if ((b.lower_95 ?? b.value) > (a.upper_95 ?? a.value)) return { arrow: '↑', words: `Rose ${span}` };
  if ((b.upper_95 ?? b.value) < (a.lower_95 ?? a.value)) return { arrow: '↓', words: `Fell ${span}` };
  return { arrow: '→', words: `No clear change ${span}` };
}

/** At most `most` positions of `count`, evenly spread, the last always among them. */
export function labelled(count: number, most: number): number[] {
  if (count <= 0) return [];
  const step = Math.max(1, Math.ceil(count / Math.max(1, most)));
  const positions: number[] = [];
  for (let i = count - 1; i >= 0; i -= step) positions.unshift(i);
  return positions;
}

/** A period's label for an axis: `Oct to Dec 2025` is too long there. */
export function shortLabel(label: string): string {
  const quarter = /^(\w{3}) to \w{3} (\d{4})$/.exec(label);
  if (quarter) return `${quarter[1]} ${quarter[2]?.slice(2)}`;
  const month = /^(\w{3})\w* (\d{4})$/.exec(label);
  if (month) return `${month[1]} ${month[2]?.slice(2)}`;
  return label.replace(' academic year', '');
}
