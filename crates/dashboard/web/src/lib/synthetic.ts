/** What on the page is invented, as the service's answers say. Nothing is said of real data, and nothing before an answer. */
import type { AreaList, DataDocument, Indicator, IndicatorList } from './types';

export interface Answers {
  catalogue: IndicatorList | null;
  /** The chosen indicator, which the catalogue holds before its rows are here. */
  indicator: Indicator | undefined;
  /** Its rows; none while they are on their way. */
  data: DataDocument | null;
  areas: AreaList | null;
}

export interface Synthetic {
  /** The figures that are shown. */
  figures: boolean;
  /** How many of the indicators that can be chosen. */
  indicators: 'none' | 'some' | 'all';
  /** Areas, codes and boundaries. */
  areas: boolean;
}

export function synthetic({ catalogue, indicator, data, areas }: Answers): Synthetic {
  const listed = catalogue?.indicators ?? [];
  const invented = listed.filter((item) => item.synthetic).length;
  return {
    figures: data?.synthetic ?? indicator?.synthetic ?? false,
    indicators: invented === 0 ? 'none' : invented === listed.length ? 'all' : 'some',
    areas: areas?.synthetic ?? false
  };
}

/** The sentence in bold type at the top of the page, and the rest of it; none where the figures are real. */
export function banner(what: Synthetic): { bold: string; rest: string } | null {
  if (!what.figures) return null;
  return {
    bold: 'Synthetic data.',
    rest: 'The figures on this page are invented to show how the service works. Places and organisations have real names; none of the figures describes a real person or place.'
  };
}

/** What the foot of the page says is invented; empty where nothing is. */
export function remark({ indicators, areas }: Synthetic): string {
  const figures = {
    none: '',
    some: 'The figures of some indicators are synthetic; the top of the page says so while one of them is shown.',
    all: 'All figures are synthetic.'
  }[indicators];
  const places = areas ? 'The areas and their codes are synthetic.' : '';
  return [figures, places].filter(Boolean).join(' ');
}
