import type { AreaList, Boundaries, DataDocument, IndicatorList, Me, Problem } from './types';
import type { Choice } from './url';

/** A request that did not succeed, with the problem to show. */
export class RequestFailed extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Reads of the API with one key, or none. */
export class Api {
  constructor(
    private readonly key: string | null,
    private readonly fetch: Fetch = (url, init) => globalThis.fetch(url, init)
  ) {}

  me = (signal?: AbortSignal): Promise<Me> => this.json('/v1/me', signal);
  indicators = (signal?: AbortSignal): Promise<IndicatorList> => this.json('/v1/indicators', signal);
  areas = (type: string, signal?: AbortSignal): Promise<AreaList> =>
    this.json(`/v1/areas?area_type=${encodeURIComponent(type)}`, signal);
  boundaries = (type: string, signal?: AbortSignal): Promise<Boundaries> =>
    this.json(`/v1/geographies/${encodeURIComponent(type)}/boundaries.geojson`, signal);
  data = (choice: Choice, signal?: AbortSignal): Promise<DataDocument> =>
    this.json(dataAddress('json', choice, 'all'), signal);

  /** The CSV of a view: one period, or `all`. */
  async csv(choice: Choice, period: string): Promise<Blob> {
    return (await this.request(dataAddress('csv', choice, period))).blob();
  }

  private async json<T>(address: string, signal?: AbortSignal): Promise<T> {
    return (await this.request(address, signal)).json() as Promise<T>;
  }

  private async request(address: string, signal?: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = this.key ? { Authorization: `Bearer ${this.key}` } : {};
    let response: Response;
    try {
      response = await this.fetch(address, { headers, signal: signal ?? null });
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new RequestFailed(unreachable());
    }
    if (!response.ok) throw new RequestFailed(await problemOf(response));
    return response;
  }
}

/** The address of a view's rows in a format. */
export function dataAddress(format: 'csv' | 'json', choice: Choice, period: string): string {
  const query = new URLSearchParams({ indicator: choice.indicator });
  if (choice.areaType) query.set('area_type', choice.areaType);
  if (choice.periodType) query.set('period_type', choice.periodType);
  query.set('period', period);
  if (choice.breakdown) query.set('breakdown', choice.breakdown);
  return `/v1/data.${format}?${query}`;
}

/** The problem that an answer carries, or one made from its status where a proxy answered instead of the service. */
export async function problemOf(response: Response): Promise<Problem> {
  const type = response.headers.get('content-type') ?? '';
  if (type.includes('problem+json')) {
    try {
      return (await response.json()) as Problem;
    } catch {
      // Cut off on the way: the status still says something.
    }
  }
  return {
    type: 'about:blank',
    title: 'the service did not answer as it should',
    status: response.status,
    detail: `it answered with status ${response.status}`,
    advice: 'try again in a minute; if it stays, tell the programme office'
  };
}

function unreachable(): Problem {
  return {
    type: 'about:blank',
    title: 'the service could not be reached',
    status: 0,
    detail: 'no answer came back',
    advice: 'check your connection and try again'
  };
}

/** What to show for anything that was thrown; `null` for a request that was given up on purpose. */
export function problemFrom(error: unknown): Problem | null {
  if (error instanceof RequestFailed) return error.problem;
  if (error instanceof DOMException && error.name === 'AbortError') return null;
  return {
    type: 'about:blank',
    title: 'the answer could not be read',
    status: 0,
    detail: error instanceof Error ? error.message : 'the reason is not known',
    advice: 'reload the page; if it stays, tell the programme office'
  };
}
