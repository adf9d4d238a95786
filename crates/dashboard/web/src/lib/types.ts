/** Shapes of the API's answers, as `/openapi.json` describes them. Fields that this page does not use are left out. */

export interface PeriodItem {
  /** ISO 8601 interval, for example `2024-01-01/P1Y`. */
  period: string;
  label: string;
}

export interface View {
  name: string;
  area_type: string;
  period_type: string;
  by: string[];
  periods: PeriodItem[];
  cells: number;
  visible: number;
}

export interface Indicator {
  id: string;
  title: string;
  definition: string;
  rationale: string;
  theme: string;
  owner: string;
  unit: string;
  decimals: number;
  polarity: 'high-is-good' | 'low-is-good' | 'neither';
  tier: 'public' | 'partners';
  caveats: string[];
  partners: string[];
  source: string;
  synthetic: boolean;
  views: View[];
}

export interface IndicatorList {
  synthetic: boolean;
  notice: string | null;
  indicators: Indicator[];
}

export interface Parent {
  code: string;
  name: string;
  area_type: string;
  method: string;
}

export interface Area {
  code: string;
  name: string;
  area_type: string;
  boundary_year: number;
  parents: Parent[];
}

export interface AreaList {
  synthetic: boolean;
  areas: Area[];
}

export type Status = 'ok' | 'c' | 'low' | 'x' | 'z' | 'provisional' | 'modelled';

export interface Row {
  area_code: string;
  area_name: string;
  period: string;
  period_label: string;
  sex: string;
  age: string;
  breakdown_type: string | null;
  breakdown: string | null;
  value: number | null;
  unit: string;
  lower_95: number | null;
  upper_95: number | null;
  count: number | null;
  denominator: number | null;
  status: Status;
  trend: string | null;
  geography_method: string;
  caveat: string | null;
}

export interface DataDocument {
  indicator: string;
  view: string;
  synthetic: boolean;
  notice: string | null;
  notes: string[];
  rows: Row[];
}

export interface BoundaryProperties {
  code: string;
  name: string;
  area_type: string;
}

export type Boundary = GeoJSON.Feature<GeoJSON.Polygon | GeoJSON.MultiPolygon | null, BoundaryProperties>;

export interface Boundaries {
  type: 'FeatureCollection';
  features: Boundary[];
}

export interface Me {
  organisation: string | null;
  role: string;
  purposes: string[];
  may_read: string[];
}

export interface Blocker {
  code: string;
  agreement: string;
  clause: string;
  required: string;
  actual: string;
  remedy: string;
  contact: string;
}

/** Problem details (RFC 9457) with this service's own members. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  advice: string;
  reference?: string;
  blockers?: Blocker[];
}
