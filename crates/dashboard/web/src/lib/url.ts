/** What the reader has chosen. The address of the page holds all of it, so every picture can be shared. */
export interface Choice {
  indicator: string;
  areaType: string;
  periodType: string;
  /** ISO 8601 interval; empty for the latest. */
  period: string;
  /** Dimension, or empty for none. */
  breakdown: string;
  /** Category of the breakdown, or empty for all together. */
  category: string;
  /** Code of the selected area, or empty for none. */
  area: string;
}

const NAMES: [keyof Choice, string][] = [
  ['indicator', 'indicator'],
  ['areaType', 'area_type'],
  ['periodType', 'period_type'],
  ['period', 'period'],
  ['breakdown', 'breakdown'],
  ['category', 'category'],
  ['area', 'area']
];

export const NOTHING: Choice = {
  indicator: '',
  areaType: '',
  periodType: '',
  period: '',
  breakdown: '',
  category: '',
  area: ''
};

/** Reads a query such as `?indicator=all-crime&area=E01990001`; what it does not know it ignores. */
export function readChoice(search: string): Choice {
  const query = new URLSearchParams(search);
  const choice = { ...NOTHING };
  for (const [field, name] of NAMES) choice[field] = query.get(name) ?? '';
  return choice;
}

/** The query of a choice, with its question mark; the slash of a period stays legible. */
export function writeChoice(choice: Choice): string {
  const query = new URLSearchParams();
  for (const [field, name] of NAMES) if (choice[field]) query.set(name, choice[field]);
  const text = query.toString().replaceAll('%2F', '/');
  return text ? `?${text}` : '';
}

/** The key in a fragment such as `#key=cg_...`; `null` if there is none. */
export function keyOf(fragment: string): string | null {
  return new URLSearchParams(fragment.replace(/^#/, '')).get('key')?.trim() || null;
}
