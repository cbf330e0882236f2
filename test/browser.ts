/** A real browser for tests of the dashboard: Debian's Chromium, driven by Playwright. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

export interface TestBrowser {
  /** A page of a context of its own. */
  open(url: string, options?: BrowserContextOptions): Promise<Page>;
  /** What went wrong in any page so far: errors of scripts, what the policy stopped, requests that lead elsewhere. */
  readonly faults: string[];
  close(): Promise<void>;
}

/** Longer than any page takes on a busy machine. */
const LONGEST_WAIT_MS = 30_000;

export async function testBrowser(): Promise<TestBrowser> {
  // The sandbox needs user namespaces, which root and containers may lack.
  const browser: Browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const faults: string[] = [];
  return {
    faults,
    open: async (url, options) => {
      const page = await browser.newPage(options);
      page.setDefaultTimeout(LONGEST_WAIT_MS);
      page.on('pageerror', (error) => faults.push(`${error}`));
      page.on('console', (message) => {
        const { url: from } = message.location();
        // The browser's own word for an answer of 4xx or 5xx, which the page shows in its own.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
          faults.push(`${message.text()} (${from})`);
      });
      page.on('request', (request) => {
        const to = new URL(request.url());
        if (to.origin !== new URL(url).origin && to.protocol !== 'data:') faults.push(`asks ${to.href}`);
      });
      await page.goto(url);
      return page;
    },
    close: () => browser.close(),
  };
}
