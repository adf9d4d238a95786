import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { DataDocument, IndicatorList } from '../src/lib/types';
import { figures, launch, open, type Watched } from './browser';

const address = inject('address');
const key = inject('dashboardKey');
const CRIME = `${address}/?indicator=all-crime&area_type=lsoa&period_type=calendar-year`;
const PARTNERS = '?indicator=anti-social-behaviour&area_type=lsoa&period_type=calendar-year';
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());

/** Runs steps on a page and then asks that nothing went wrong unseen. */
async function on(width: number, at: string, steps: (watched: Watched) => Promise<void>, expected?: RegExp) {
  const watched = await open(browser, address, width, expected);
  try {
    await watched.page.goto(at);
    await steps(watched);
    expect(await watched.faults()).toEqual([]);
  } finally {
    await watched.close();
  }
}

const heading = (page: Page) => page.locator('h1').innerText();
const query = (page: Page) => new URL(page.url()).searchParams;
const column = (page: Page, nth: number) =>
  page.locator(`tbody[role=rowgroup] tr > :nth-child(${nth})`).allInnerTexts();

test('the page says that the data are synthetic and shows all 140 areas as map and table', () =>
  on(1280, CRIME, async ({ page }) => {
    await figures(page);
    expect(await page.getByRole('region', { name: 'About these data' }).innerText()).toContain('Synthetic data');
    expect(await page.locator('path.area').count()).toBe(140);
    expect((await column(page, 1)).length).toBe(140);
    expect(await heading(page)).toMatch(
      /^All recorded crime in 2025: from [\d.,]+ in .+ to [\d.,]+ per 1,000 people in /
    );
  }));

test('choosing indicator, table and period changes figures and address', () =>
  on(1280, address, async ({ page }) => {
    await figures(page);
    await page.getByLabel('Indicator').selectOption('violence-and-sexual-offences');
    await expect.poll(() => heading(page)).toContain('Violence and sexual offences');
    await page.getByLabel('Areas and periods').selectOption('district month');
    await expect.poll(() => page.locator('path.area').count()).toBe(2);
    await expect.poll(async () => (await column(page, 1)).length).toBe(2);
    const before = await heading(page);
    await page.getByRole('button', { name: 'Previous month' }).click();
    await expect.poll(() => heading(page)).not.toBe(before);
    expect(query(page).get('period')).toMatch(/^\d{4}-\d{2}-01\/P1M$/);
    await page.goBack();
    await expect.poll(() => query(page).get('area_type')).not.toBe('district');
  }));

test('a breakdown offers its categories and shows one of them', () =>
  on(1280, `${address}/?indicator=all-crime&area_type=district&period_type=quarter`, async ({ page }) => {
    await figures(page);
    const all = await column(page, 2);
    await page.getByLabel('Break down by').selectOption('crime_type');
    await expect.poll(() => page.locator('#category option').count()).toBeGreaterThan(3);
    const category = await page.locator('#category option').nth(1).getAttribute('value');
    await page.locator('#category').selectOption(category ?? '');
    await expect.poll(() => heading(page)).toContain('(');
    expect(await column(page, 2)).not.toEqual(all);
    expect(query(page).get('category')).toBe(category);
  }));

test('clicking an area selects it: card, trend, address; again clears it', () =>
  on(1280, CRIME, async ({ page }) => {
    await figures(page);
    const path = page.locator('path.area').nth(70);
    const code = await path.getAttribute('data-code');
    const box = await page.locator('.map').boundingBox();
    expect(box).not.toBeNull();
    await path.dispatchEvent('click');
    await page.locator('path.outer').waitFor();
    expect(query(page).get('area')).toBe(code);
    const name = await page.locator('#area-title').innerText();
    expect(await heading(page)).toContain(name);
    expect(await page.locator('#area-title ~ figure circle').count()).toBe(3);
    expect(await page.locator('.map').boundingBox()).toEqual(box);
    await path.dispatchEvent('click');
    await expect.poll(() => query(page).get('area')).toBeNull();
  }));

test('the keyboard alone: search, list, map neighbours, table', () =>
  on(1280, CRIME, async ({ page }) => {
    await figures(page);
    const search = page.getByRole('combobox', { name: /^Find one of/ });
    await search.focus();
    await page.keyboard.type('South Ribble 003');
    await expect.poll(() => page.locator('#area-options li').count()).toBeLessThan(10);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const active = await search.getAttribute('aria-activedescendant');
    await page.keyboard.press('Enter');
    await expect.poll(() => query(page).get('area')).toBe(active?.replace('option-', ''));

    const start = query(page).get('area');
    await page.locator('.map').focus();
    await page.keyboard.press('ArrowDown');
    expect(await page.locator('.readout').innerText()).toMatch(/: ([\d.,]+|\[)/);
    expect(query(page).get('area')).toBe(start);
    await page.keyboard.press('Enter');
    await expect.poll(() => query(page).get('area')).not.toBe(start);
    await page.keyboard.press('t');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('table-title');
    await page.locator('.map').focus();
    await page.keyboard.press('Escape');
    await expect.poll(() => query(page).get('area')).toBeNull();
  }));

test('tab reaches every control in the order of the page', () =>
  on(1280, CRIME, async ({ page }) => {
    await figures(page);
    const order: string[] = [];
    for (let i = 0; i < 14; i++) {
      await page.keyboard.press('Tab');
      order.push(
        await page.evaluate(() => {
          const element = document.activeElement as HTMLElement;
          return element.id || element.className.split(' ')[0] || element.innerText.trim();
        })
      );
    }
    const wanted = ['skip', 'name', 'indicator', 'view', 'period', 'map', 'area-search'];
    expect(order.filter((name) => wanted.includes(name))).toEqual(wanted);
  }));

test('the table sorts by every column, both ways', () =>
  on(1280, CRIME, async ({ page }) => {
    await figures(page);
    const numbers = async () => (await column(page, 2)).map((text) => Number(text.replace(',', '')));
    const falling = await numbers();
    expect(falling).toEqual([...falling].sort((a, b) => b - a));
    await page
      .getByRole('columnheader', { name: /^Value/ })
      .getByRole('button')
      .click();
    await expect.poll(numbers).toEqual([...falling].reverse());
    expect(await page.getByRole('columnheader', { name: /^Value/ }).getAttribute('aria-sort')).toBe('ascending');
    await page
      .getByRole('columnheader', { name: /^Small area/ })
      .getByRole('button')
      .click();
    await expect.poll(async () => (await column(page, 1))[0]).toBe('Chorley 001A');
  }));

test('without a key partner figures are refused in words; with the key they are there, and signing out ends it', () =>
  on(
    1280,
    `${address}/${PARTNERS}`,
    async ({ page }) => {
      await page.getByRole('alert').waitFor();
      expect(await page.getByRole('alert').innerText()).toMatch(/not visible to you[\s\S]*What to do/);
      const offered = page.locator('#indicator option');
      const before = await offered.count();
      await page.getByRole('button', { name: 'Partner sign in' }).click();
      await page.locator('#api-key').fill('cg_wrong');
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await expect.poll(() => page.locator('#sign-in').innerText()).toMatch(/not known, or was revoked/i);
      await page.locator('#api-key').fill(key);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await figures(page);
      expect(await page.locator('.account').innerText()).toContain('South Ribble Council');
      expect(await offered.count()).toBeGreaterThan(before);
      expect(page.url()).not.toContain('cg_');
      await page.reload();
      await figures(page);
      await page.getByRole('button', { name: 'Sign out' }).click();
      const open = (await (await fetch(`${address}/v1/indicators`)).json()) as { indicators: unknown[] };
      await expect.poll(() => offered.count()).toBe(open.indicators.length);
      expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    },
    /status of (401|404)/
  ));

test('a key in the fragment is used and leaves the address', () =>
  on(1280, `${address}/${PARTNERS}#key=${key}`, async ({ page }) => {
    await figures(page);
    expect(page.url()).not.toContain('key');
    await page.goBack().catch(() => null);
    expect(page.url()).not.toContain('cg_');
  }));

/** An address of the page with a small-area table in which something is withheld, found through the API. */
async function withheldPage(): Promise<string> {
  const headers = { Authorization: `Bearer ${key}` };
  const read = async <T>(path: string) => (await (await fetch(`${address}${path}`, { headers })).json()) as T;
  const { indicators } = await read<IndicatorList>('/v1/indicators');
  for (const { id, views } of indicators) {
    for (const { area_type, period_type } of views.filter((v) => v.area_type === 'lsoa' && v.visible < v.cells)) {
      const search = `indicator=${id}&area_type=${area_type}&period_type=${period_type}`;
      const { rows } = await read<DataDocument>(`/v1/data.json?${search}&period=all`);
      const hidden = rows.find((row) => row.status === 'c');
      if (hidden) return `${address}/?${search}&period=${hidden.period}#key=${key}`;
    }
  }
  throw new Error('no small-area table of the sample partnership has a withheld figure');
}

test('withheld areas are hatched, named in the key and worded in the table', async () =>
  on(1280, await withheldPage(), async ({ page }) => {
    await figures(page);
    const hatched = await page.locator('path.area[fill="url(#hatch-withheld)"]').count();
    expect(hatched).toBeGreaterThan(0);
    const statuses = await column(page, 5);
    expect(statuses.filter((text) => text.includes('[c] withheld to protect people'))).toHaveLength(hatched);
    const names = (await page.locator('#withheld-list .small').innerText()).split(', ');
    expect(names).toHaveLength(hatched);
    await page.locator('#area-search').fill(names[0] ?? '');
    await page.locator('#area-search').press('Enter');
    await expect.poll(() => heading(page)).toContain(`${names[0]}`);
    expect(await heading(page)).toContain('withheld to protect people');
  }));

test('figures with noise say so before an area is chosen', () =>
  on(1280, `${address}/?indicator=college-participation&area_type=lsoa#key=${key}`, async ({ page }) => {
    await figures(page);
    expect(await page.locator('#area-title').innerText()).toBe('No area selected');
    expect(await page.locator('.legend').innerText()).toMatch(/counts have noise of at most \d+ either way/);
    await page.goto(CRIME);
    await figures(page);
    expect(await page.locator('.legend').innerText()).not.toContain('noise');
  }));

test('the CSV comes as a file with the documented columns', () =>
  on(1280, CRIME, async ({ page }) => {
    await figures(page);
    const waiting = page.waitForEvent('download');
    await page.getByRole('button', { name: /^Download 2025/ }).click();
    const download = await waiting;
    expect(download.suggestedFilename()).toBe('all-crime-lsoa-2025-01-01.csv');
    const stream = await download.createReadStream();
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const lines = Buffer.concat(chunks).toString('utf8').trimEnd().split('\r\n');
    expect(lines[0]).toMatch(/^indicator,area_code,area_name,/);
    expect(lines).toHaveLength(141);
  }));

test.each([
  ['an unknown indicator', '?indicator=nothing-like-it', /no such thing|not visible/i],
  ['an unknown table', '?indicator=all-crime&area_type=galaxy&area=E0', null]
])('%s in the address', (_, search, problem) =>
  on(
    1280,
    `${address}/${search}`,
    async ({ page }) => {
      if (problem) {
        await page.getByRole('alert').waitFor();
        expect(await page.getByRole('alert').innerText()).toMatch(problem);
      } else {
        await figures(page);
        expect(query(page).get('area')).toBeNull();
      }
    },
    /status of 404/
  )
);

test('a failing service is said with a way to try again', () =>
  on(
    1280,
    'about:blank',
    async ({ page }) => {
      await page.route('**/v1/data.json*', (route) => route.abort());
      await page.goto(CRIME);
      await page.getByRole('alert').waitFor();
      await page.unroute('**/v1/data.json*');
      await page.getByRole('button', { name: 'Try again' }).click();
      await figures(page);
    },
    /ERR_FAILED/
  ));

test.each([320, 390, 768, 1280])('nothing scrolls sideways at %d pixels', (width) =>
  on(width, `${CRIME}&area=E01990001`, async ({ page }) => {
    await figures(page);
    const [needed, given] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(needed).toBeLessThanOrEqual(given ?? 0);
  })
);

const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

test.each([
  ['the first page', 1280, CRIME],
  ['a selected area', 1280, `${CRIME}&area=E01990001`],
  ['a selected area on a phone', 390, `${CRIME}&area=E01990001`],
  ['a partner', 1280, `${address}/${PARTNERS}#key=${key}`]
])('axe finds nothing serious: %s', { timeout: 180_000 }, (_, width, at) =>
  on(width, at, async ({ page }) => {
    await figures(page);
    await page.evaluate(axe.source);
    const violations = await page.evaluate(async (tags) => {
      const { axe: inPage } = window as unknown as { axe: typeof axe };
      // One row of a long table is like the next: the first five stand for all.
      const repeated = [['tbody tr:nth-child(n+6)'], ['#area-options li:nth-child(n+6)']];
      const result = await inPage.run({ exclude: repeated }, { runOnly: { type: 'tag', values: tags } });
      return result.violations.map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join('; ')}`);
    }, AXE_TAGS);
    expect(violations.filter((text) => /^(serious|critical)/.test(text))).toEqual([]);
  })
);
