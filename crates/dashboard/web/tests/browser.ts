/** A browser, and pages that notice everything that must not happen. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run'
];

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: program(), args: FLAGS });
}

function program(): string {
  const given = process.env['CHROMIUM'];
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'chromium'));
  const found = (given ? [given] : onPath).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) {
    throw new Error(
      given
        ? `CHROMIUM names \`${given}\`, which cannot be run`
        : 'the browser tests need Chromium: install it (Debian: `apt-get install chromium`), or set CHROMIUM to its path'
    );
  }
  return found;
}

export interface Watched {
  page: Page;
  /** Console errors, policy violations, uncaught exceptions and requests to other origins, in words. */
  faults: () => Promise<string[]>;
  close: () => Promise<void>;
}

/** A page of a size. `expected` names console errors that a test provokes, such as a refused request. */
export async function open(browser: Browser, address: string, width: number, expected?: RegExp): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width, height: width < 600 ? 844 : 900 },
    reducedMotion: 'reduce'
  });
  const page = await context.newPage();
  const seen: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') seen.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => seen.push(`exception: ${error.message}`));
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== new URL(address).origin && protocol !== 'blob:') seen.push(`request elsewhere: ${request.url()}`);
  });
  await page.addInitScript(() => {
    const violations: string[] = [];
    Object.assign(window, { violations });
    document.addEventListener('securitypolicyviolation', (event) => {
      violations.push(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return {
    page,
    faults: async () => {
      const violations = await page.evaluate(() => (window as unknown as { violations: string[] }).violations);
      return [...seen, ...violations].filter((fault) => !expected?.test(fault));
    },
    close: () => context.close()
  };
}

/** Waits until map and table hold figures. */
export async function figures(page: Page): Promise<void> {
  await page.locator('path.area').first().waitFor();
  await page.locator('tbody[role=rowgroup] tr').first().waitFor();
}
