/** Rows of a view, arranged for the page. Pure functions. */
import { ascending, median } from 'd3-array';
import type { Indicator, PeriodItem, Row, View } from './types';
import { hasValue } from './words';

/** A kind of table that a reader can choose: areas and periods, with every breakdown that exists for the two. */
export interface ViewChoice {
  areaType: string;
  periodType: string;
  breakdowns: string[];
  periods: PeriodItem[];
}

/** The choices of an indicator, in the order of its definition. */
export function viewChoices(views: View[]): ViewChoice[] {
  const choices: ViewChoice[] = [];
  for (const view of views) {
    const known = choices.find((c) => c.areaType === view.area_type && c.periodType === view.period_type);
    if (known) {
      known.breakdowns.push(...view.by.filter((dimension) => !known.breakdowns.includes(dimension)));
    } else {
      choices.push({
        areaType: view.area_type,
        periodType: view.period_type,
        breakdowns: [...view.by],
        periods: view.periods
      });
    }
  }
  return choices;
}

/** Indicators by theme, both in alphabetical order. */
export function byTheme(indicators: Indicator[]): [theme: string, indicators: Indicator[]][] {
  const themes = new Map<string, Indicator[]>();
  for (const indicator of indicators) {
    themes.set(indicator.theme, [...(themes.get(indicator.theme) ?? []), indicator]);
  }
  const sorted = [...themes.entries()].sort((a, b) => a[0].localeCompare(b[0], 'en-GB'));
  for (const [, list] of sorted) list.sort((a, b) => a.title.localeCompare(b.title, 'en-GB'));
  return sorted;
}

/** The category of a row in a dimension; `all` where the row is not broken down by it. */
export function categoryOf(row: Row, dimension: string): string {
  if (dimension === '') return 'all';
  if (dimension === 'sex') return row.sex;
  if (dimension === 'age') return row.age;
  return row.breakdown_type === dimension ? (row.breakdown ?? 'all') : 'all';
}

/** The categories of a dimension: `all` first, ages by number, the rest by letter, `unknown` last. */
export function categories(rows: Row[], dimension: string): string[] {
  if (dimension === '') return ['all'];
  const found = [...new Set(rows.map((row) => categoryOf(row, dimension)))];
  const place = (category: string) => (category === 'all' ? -1 : category === 'unknown' ? 1 : 0);
  return found.sort(
    (a, b) => place(a) - place(b) || a.localeCompare(b, 'en-GB', { numeric: true, sensitivity: 'base' })
  );
}

/** The rows of one category. */
export const ofCategory = (rows: Row[], dimension: string, category: string): Row[] =>
  rows.filter((row) => categoryOf(row, dimension) === (category || 'all'));

/** The rows of one period by area code. */
export function byArea(rows: Row[], period: string): Map<string, Row> {
  return new Map(rows.filter((row) => row.period === period).map((row) => [row.area_code, row]));
}

/** The values that can be drawn. */
export const valuesOf = (rows: Iterable<Row>): number[] => [...rows].filter(hasValue).map((row) => row.value);

/** The value in the middle of those shown; `null` where fewer than five are shown, which have no useful middle. */
export function middle(rows: Iterable<Row>): number | null {
  const values = valuesOf(rows);
  return values.length < 5 ? null : (median(values) ?? null);
}

/** The place of a value among those shown, 1 for the highest, ties sharing the better place. */
export function rankOf(rows: Iterable<Row>, value: number): { rank: number; of: number; tied: boolean } {
  const values = valuesOf(rows);
  const higher = values.filter((other) => other > value).length;
  return { rank: higher + 1, of: values.length, tied: values.filter((other) => other === value).length > 1 };
}

export type SortKey = 'area' | 'value' | 'interval' | 'count' | 'status';
export interface Sort {
  key: SortKey;
  down: boolean;
}

/** Rows in the order asked for; rows without a number come last either way. */
export function sortRows(rows: Row[], sort: Sort): Row[] {
  const name = (a: Row, b: Row) => a.area_name.localeCompare(b.area_name, 'en-GB', { numeric: true });
  const numberOf = (row: Row): number | null =>
    sort.key === 'value' ? row.value : sort.key === 'count' ? row.count : row.lower_95;
  const direction = sort.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    if (sort.key === 'area') return direction * name(a, b);
    if (sort.key === 'status') return direction * a.status.localeCompare(b.status) || name(a, b);
    const [x, y] = [numberOf(a), numberOf(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || name(a, b);
    return direction * ascending(x, y) || name(a, b);
  });
}
