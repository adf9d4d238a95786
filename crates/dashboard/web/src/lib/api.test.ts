import { expect, test } from 'vitest';
import { Api, dataAddress, problemFrom, RequestFailed } from './api';
import { NOTHING } from './url';

const answer = (body: unknown, status = 200, type = 'application/json') =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers: { 'content-type': type } });

test('the key goes into the header, and no header without one', async () => {
  for (const [key, expected] of [
    ['cg_a', { Authorization: 'Bearer cg_a' }],
    [null, {}]
  ] as const) {
    let sent: RequestInit | undefined;
    await new Api(key, async (_, init) => {
      sent = init;
      return answer({});
    }).indicators();
    expect(sent?.headers).toEqual(expected);
  }
});

test('a problem is passed on as the service wrote it', async () => {
  const problem = {
    type: '/problems/denied',
    title: 'denied',
    status: 403,
    detail: 'd',
    advice: 'a',
    reference: 'r-1'
  };
  const api = new Api(null, async () => answer(problem, 403, 'application/problem+json'));
  await expect(api.me()).rejects.toSatisfy((error) => problemFrom(error)?.reference === 'r-1');
});

test.each<[string, () => Promise<Response>, number]>([
  ['a proxy answers', async () => answer('<html>', 502, 'text/html'), 502],
  ['a cut-off problem', async () => answer('{"ti', 500, 'application/problem+json'), 500],
  ['no network', async () => Promise.reject(new TypeError('fetch failed')), 0]
])('%s: something to read and to do', async (_, fetch, status) => {
  const error: unknown = await new Api(null, fetch).me().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RequestFailed);
  const problem = problemFrom(error);
  expect(problem?.status).toBe(status);
  expect(problem?.advice).not.toBe('');
});

test('a request given up on purpose is no problem', () => {
  expect(problemFrom(new DOMException('stop', 'AbortError'))).toBeNull();
  expect(problemFrom(new SyntaxError('bad'))?.title).toBe('the answer could not be read');
});

test('addresses name what is asked and nothing empty', () => {
  expect(dataAddress('csv', { ...NOTHING, indicator: 'a b', areaType: 'lsoa' }, '2025-01-01/P1Y')).toBe(
    '/v1/data.csv?indicator=a+b&area_type=lsoa&period=2025-01-01%2FP1Y'
  );
});
