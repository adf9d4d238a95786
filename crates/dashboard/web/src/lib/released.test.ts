/** Whatever the page works out is worked out of figures that are shown: a mark counts as nothing, whatever it stands for. */
import { expect, test } from 'vitest';
import { middle, rankOf, sortRows, valuesOf, type SortKey } from './data';
import { finding } from './finding';
import { indicator, row } from './fixture';
import { classOf, quantileClasses } from './scale';
import { direction, series, valueAxis } from './trend';
import type { Row } from './types';

const figures = [3, 8, 8, 13, 21, 34, 55].map((value, index) => row('ABCDEFG'[index] ?? '', value));
const marks = (statuses: Row['status'][]): Row[] => statuses.map((status, index) => row(`X${index}`, null, { status }));

const everyWay: Row[][] = [
  figures,
  [...figures, ...marks(['c'])],
  [...marks(['c', 'c', 'x']), ...figures],
  [...figures.slice(0, 3), ...marks(['low', 'c', 'z']), ...figures.slice(3)]
];

test('classes, ranks and the middle are those of the figures alone', () => {
  const worked = everyWay.map((rows) => {
    const classes = quantileClasses(valuesOf(rows), 1);
    return {
      classes,
      colours: figures.map((r) => classOf(classes, r.value ?? 0, 1)),
      ranks: figures.map((r) => rankOf(rows, r.value ?? 0)),
      middle: middle(rows)
    };
  });
  for (const one of worked) expect(one).toEqual(worked[0]);
});

test('the sentence about an area is the same, whatever is withheld elsewhere', () => {
  const said = everyWay.map((rows) =>
    finding(
      {
        indicator: indicator(),
        areaType: 'lsoa',
        periodLabel: '2025',
        category: '',
        rows: new Map(rows.map((r) => [r.area_code, r])),
        places: new Map()
      },
      'G'
    )
  );
  for (const one of said) expect(one).toEqual(said[0]);
});

test('sorted by any column, figures keep their order and marks go by name alone', () => {
  for (const key of ['value', 'interval', 'count'] as SortKey[]) {
    for (const down of [true, false]) {
      const names = (rows: Row[]) => sortRows(rows, { key, down }).map((r) => r.area_code);
      const alone = names(figures);
      for (const rows of everyWay) {
        const sorted = names(rows);
        expect(sorted.filter((code) => !code.startsWith('X'))).toEqual(alone);
        const marked = sorted.filter((code) => code.startsWith('X'));
        expect(sorted.slice(alone.length)).toEqual(marked);
        expect(marked).toEqual([...marked].sort());
      }
    }
  }
});

test('a trend is drawn and worded from its figures; a gap is a gap for every mark', () => {
  const periods = ['2022', '2023', '2024', '2025'].map((label) => ({ period: `${label}-01-01/P1Y`, label }));
  const drawn = (['c', 'low', 'x', 'z'] as Row['status'][]).map((status) => {
    const rows = [10, null, 20, 30].map((value, index) =>
      row('A', value, { period: periods[index]?.period ?? '', ...(value === null ? { status } : {}) })
    );
    const points = series(rows, periods, 'A');
    return { words: direction(points), axis: valueAxis(points, []) };
  });
  for (const one of drawn) expect(one).toEqual(drawn[0]);
});
