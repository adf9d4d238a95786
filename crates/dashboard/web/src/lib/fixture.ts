/** Rows and indicators for the unit tests. */
import type { Indicator, Row } from './types';

export function row(area: string, value: number | null, change: Partial<Row> = {}): Row {
  return {
    area_code: area,
    area_name: `Place ${area}`,
    period: '2025-01-01/P1Y',
    period_label: '2025',
    sex: 'all',
    age: 'all',
    breakdown_type: null,
    breakdown: null,
    value,
    unit: 'per 1,000 people',
    lower_95: value === null ? null : value * 0.9,
    upper_95: value === null ? null : value * 1.1,
    count: value === null ? null : Math.round(value * 1.5),
    denominator: 1500,
    status: value === null ? 'c' : 'ok',
    trend: null,
    geography_method: 'exact',
    caveat: null,
    ...change
  };
}

export function indicator(change: Partial<Indicator> = {}): Indicator {
  return {
    id: 'all-crime',
    title: 'All recorded crime',
    definition: '',
    rationale: '',
    theme: 'Community safety',
    owner: 'lancashire-constabulary',
    unit: 'per 1,000 people',
    decimals: 1,
    polarity: 'low-is-good',
    tier: 'public',
    caveats: [],
    partners: [],
    source: '',
    synthetic: true,
    views: [],
    ...change
  };
}
