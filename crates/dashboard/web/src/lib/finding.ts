/** The sentences at the top of the page: what the numbers say, and no more than they say. */
import { rankOf, middle, valuesOf } from './data';
import { formatInterval, formatValue, ordinal, withUnit } from './format';
import type { Indicator, Row } from './types';
import { areaWords, hasValue, plural } from './words';

export interface Shown {
  indicator: Indicator;
  areaType: string;
  periodLabel: string;
  /** Said after the title where one category is shown, for example `Aged 65 and over`; empty otherwise. */
  category: string;
  /** Rows of the period, by area code. */
  rows: Map<string, Row>;
  /** Place names of areas whose own name says little, by code. */
  places: Map<string, string>;
}

export interface Sentence {
  headline: string;
  detail: string;
}

/** The finding for the selected area, or for all areas where none is selected. */
export function finding(shown: Shown, selected: string): Sentence {
  const row = shown.rows.get(selected);
  return row ? forArea(shown, row) : forAll(shown);
}

function nameOf(shown: Shown, row: Row): string {
  const place = shown.places.get(row.area_code);
  return place && place !== row.area_name ? `${row.area_name} (${place})` : row.area_name;
}

function subject(shown: Shown): string {
  return shown.category ? `${shown.indicator.title} (${lowerFirst(shown.category)})` : shown.indicator.title;
}

function forArea(shown: Shown, row: Row): Sentence {
  const { decimals, unit } = shown.indicator;
  const start = `${subject(shown)} in ${nameOf(shown, row)}`;
  if (!hasValue(row)) {
    return {
      headline: `${start}: ${withoutValue(row)} for ${shown.periodLabel}`,
      detail:
        row.status === 'c'
          ? 'Few people are counted here, or the figure would give away another one. This says nothing about whether the area is doing well.'
          : 'There is no figure to show for this area and period.'
    };
  }
  const interval = formatInterval(row.lower_95, row.upper_95, decimals);
  const comparison = compare(shown, row);
  return {
    headline: `${start}: ${withUnit(formatValue(row.value, decimals), unit)} in ${shown.periodLabel}${comparison.headline}`,
    detail: [
      interval ? `The true level is likely to lie between ${interval.replace(' to ', ' and ')} (95% interval).` : '',
      comparison.detail
    ]
      .filter(Boolean)
      .join(' ')
  };
}

function withoutValue(row: Row): string {
  if (row.status === 'c') return 'withheld to protect people';
  if (row.status === 'low') return 'rounds to zero';
  if (row.status === 'z') return 'not applicable';
  return 'not available';
}

function compare(shown: Shown, row: Row & { value: number }): Sentence {
  const words = areaWords(shown.areaType);
  const { rank, of, tied } = rankOf(shown.rows.values(), row.value);
  const centre = middle(shown.rows.values());
  if (of < 2) return { headline: '', detail: '' };
  const place = `${tied ? 'joint' : 'the'} ${rank === 1 ? '' : `${ordinal(rank)} `}highest`;
  const rankText = `It is ${place} of the ${plural(of, words.one, words.many)} with a figure.`;
  if (centre === null) return { headline: '', detail: rankText };
  const against = againstMiddle(row, centre);
  const centreText = `${formatValue(centre, shown.indicator.decimals)}`;
  return {
    headline: `, ${against} the middle ${words.one}`,
    detail: `The middle ${words.one} has ${centreText}. ${rankText}`
  };
}

/** A difference is only called one where the interval excludes the middle. */
export function againstMiddle(row: Row & { value: number }, centre: number): string {
  const lower = row.lower_95 ?? row.value;
  const upper = row.upper_95 ?? row.value;
  if (lower > centre) return 'higher than';
  if (upper < centre) return 'lower than';
  return 'similar to';
}

function forAll(shown: Shown): Sentence {
  const { decimals, unit } = shown.indicator;
  const words = areaWords(shown.areaType);
  const rows = [...shown.rows.values()].filter(hasValue).sort((a, b) => b.value - a.value);
  const highest = rows[0];
  const lowest = rows[rows.length - 1];
  const say = (row: Row & { value: number }) => formatValue(row.value, decimals);
  if (!highest || !lowest) {
    return {
      headline: `${subject(shown)}: no figure can be shown for ${shown.periodLabel}`,
      detail: `None of the ${plural(shown.rows.size, words.one, words.many)} has a figure for this period.`
    };
  }
  const missing = shown.rows.size - rows.length;
  const withheld =
    missing === 0 ? '' : ` ${plural(missing, words.one, words.many)} ${missing === 1 ? 'has' : 'have'} no figure.`;
  if (rows.length === 1 || say(highest) === say(lowest)) {
    const where =
      rows.length === 1 ? nameOf(shown, highest) : `all ${plural(rows.length, words.one, words.many)} shown`;
    return {
      headline: `${subject(shown)} in ${shown.periodLabel}: ${withUnit(say(highest), unit)} in ${where}`,
      detail: withheld.trim()
    };
  }
  const centre = middle(shown.rows.values());
  const centreText =
    centre === null ? '' : `The middle ${words.one} has ${withUnit(formatValue(centre, decimals), unit)}.`;
  return {
    headline: `${subject(shown)} in ${shown.periodLabel}: from ${say(lowest)} in ${nameOf(shown, lowest)} to ${withUnit(say(highest), unit)} in ${nameOf(shown, highest)}`,
    detail:
      `${centreText} ${plural(valuesOf(rows).length, `${words.one} has`, `${words.many} have`)} a figure.${withheld}`.trim()
  };
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
