import { expect, test } from 'vitest';
import { indicator } from './fixture';
import { banner, remark, synthetic, type Answers } from './synthetic';
import type { DataDocument, IndicatorList } from './types';

const catalogue = (...flags: boolean[]): IndicatorList => ({
  synthetic: flags.some(Boolean),
  notice: null,
  indicators: flags.map((flag, index) => indicator({ id: `indicator-${index}`, synthetic: flag }))
});
const data = (flag: boolean): DataDocument => ({
  indicator: 'indicator-0',
  view: 'indicator-0/district-year',
  synthetic: flag,
  notice: null,
  notes: [],
  rows: []
});
const answers = (change: Partial<Answers> = {}): Answers => ({
  catalogue: null,
  indicator: undefined,
  data: null,
  areas: null,
  ...change
});

test.each<[string, Partial<Answers>, boolean, string]>([
  ['nothing has come yet', {}, false, ''],
  [
    'real figures',
    { catalogue: catalogue(false), data: data(false), areas: { synthetic: false, areas: [] } },
    false,
    ''
  ],
  ['invented figures', { catalogue: catalogue(true), data: data(true) }, true, 'All figures are synthetic.'],
  ['the rows are on their way', { catalogue: catalogue(true), indicator: indicator() }, true, 'All figures'],
  [
    'real figures among invented ones',
    { catalogue: catalogue(true, false), data: data(false) },
    false,
    'some indicators'
  ],
  [
    'invented figures among real ones',
    { catalogue: catalogue(true, false), data: data(true) },
    true,
    'some indicators'
  ],
  [
    'real figures of invented areas',
    { catalogue: catalogue(false), data: data(false), areas: { synthetic: true, areas: [] } },
    false,
    'The areas and their codes are synthetic.'
  ]
])('%s', (_, given, atTop, atFoot) => {
  const what = synthetic(answers(given));
  expect(banner(what) !== null).toBe(atTop);
  if (atFoot) expect(remark(what)).toContain(atFoot);
  else expect(remark(what)).toBe('');
});
