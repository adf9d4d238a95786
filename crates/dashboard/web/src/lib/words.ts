/** Words for the API's names. */
import type { Row, Status } from './types';

interface AreaWords {
  one: string;
  many: string;
  choice: string;
  hint: string;
}

const AREAS: Record<string, AreaWords> = {
  lsoa: {
    one: 'small area',
    many: 'small areas',
    choice: 'Small areas',
    hint: 'Lower layer super output areas (LSOAs): small areas of about 1,500 people.'
  },
  msoa: {
    one: 'larger area',
    many: 'larger areas',
    choice: 'Larger areas',
    hint: 'Middle layer super output areas (MSOAs): areas of about 7,500 people.'
  },
  ward: { one: 'ward', many: 'wards', choice: 'Wards', hint: 'Electoral wards of 2025.' },
  pcn: {
    one: 'primary care network',
    many: 'primary care networks',
    choice: 'Primary care networks',
    hint: 'Groups of general practices, drawn where most of their patients live.'
  },
  beat: { one: 'police beat', many: 'police beats', choice: 'Police beats', hint: 'Areas of neighbourhood policing.' },
  neighbourhood: {
    one: 'neighbourhood',
    many: 'neighbourhoods',
    choice: 'Partnership neighbourhoods',
    hint: 'Places the partnership works in together. They cut across wards and do not cover everything.'
  },
  district: { one: 'district', many: 'districts', choice: 'Districts', hint: 'The two borough councils.' },
  county: { one: 'county', many: 'counties', choice: 'County', hint: 'The county council.' },
  partnership: {
    one: 'partnership',
    many: 'partnerships',
    choice: 'Whole partnership',
    hint: 'All districts of the partnership together.'
  }
};

/** Words for a type of area. */
export function areaWords(type: string): AreaWords {
  return AREAS[type] ?? { one: 'area', many: 'areas', choice: sentence(type), hint: '' };
}

const PERIODS: Record<string, [choice: string, one: string]> = {
  'calendar-year': ['by year', 'year'],
  'financial-year': ['by financial year', 'financial year'],
  'academic-year': ['by academic year', 'academic year'],
  quarter: ['by quarter', 'quarter'],
  month: ['by month', 'month'],
  'rolling-12': ['12 months to each month', '12-month period']
};

export const periodChoice = (type: string): string => PERIODS[type]?.[0] ?? type;
export const periodWord = (type: string): string => PERIODS[type]?.[1] ?? 'period';

const STATUS: Record<Status, string> = {
  ok: 'Published',
  c: '[c] withheld to protect people',
  low: '[low] rounds to zero',
  x: '[x] not available',
  z: '[z] not applicable',
  provisional: 'Published, may be revised',
  modelled: 'Published, partly modelled'
};

export const statusWords = (status: Status): string => STATUS[status] ?? status;

/** Whether a row has a value to draw. */
export const hasValue = (row: Row | undefined): row is Row & { value: number } =>
  row !== undefined && row.value !== null;

const SMALL_WORDS = new Set(['and', 'for', 'of', 'the']);
const CAPITALS = new Set(['nhs', 'ccg', 'csr', 'ons', 'dwp']);

/** The name of an organisation from its id: `nhs-chorley-and-south-ribble-ccg`, NHS Chorley and South Ribble CCG. */
export function organisation(id: string): string {
  const words = id.split('-').map((word) => {
    if (CAPITALS.has(word)) return word.toUpperCase();
    return SMALL_WORDS.has(word) ? word : word.charAt(0).toUpperCase() + word.slice(1);
  });
  return words.join(' ');
}

/** A message as the service sends it, which may name a parameter: the first letter large, nothing else changed. */
export function capitalised(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1);
}

/** A dimension or category as words: `crime_type`, Crime type; `anti-social behaviour`, Anti-social behaviour. */
export function sentence(name: string): string {
  const words = name.replaceAll('_', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A category as the reader sees it, with its dimension where the bare text says nothing, as in `16-64`. */
export function categoryWords(dimension: string, category: string): string {
  if (category === 'all') return 'All together';
  if (category === 'unknown') return 'Not known';
  if (dimension === 'sex') return category === 'female' ? 'Women and girls' : 'Men and boys';
  if (dimension === 'age') return `Aged ${category.replace('-', ' to ').replace('+', ' and over')}`;
  if (/^\d+\+?$/.test(category)) return `${sentence(dimension)}: ${category.replace('+', ' or more')}`;
  return sentence(category);
}

/** `1 area`, `2 areas`. */
export const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;
