/** The dashboard in a real browser, against a real edge: what somebody who was paged sees and does there. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { SignJWT } from 'jose';
import type { Page, Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Incident } from '../contract/incident.ts';
import { buildDashboard, DASHBOARD_FILE } from '../dashboard/build.ts';
import { type TestBrowser, testBrowser } from './browser.ts';
import { missing, named } from './ebpf-machine.ts';
import { quietWindow, scanWindow, type TestEdge, testEdge, webhookReceiver } from './edge-fixture.ts';

const reason = missing('chromium');
const KEY = 'k'.repeat(48);
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

it('the page that the edge answers is what the sources build', async () => {
  const built = await buildDashboard();
  expect(readFileSync(DASHBOARD_FILE, 'utf8')).toBe(built);
  // It takes the contract's types: with a schema it would carry zod, half of its size again.
  expect(built.length).toBeLessThan(150_000);
});

describe.skipIf(reason)(named('the dashboard of an edge on this machine', reason), () => {
  let edge: TestEdge;
  let browser: TestBrowser;
  let page: Page;
  beforeAll(async () => {
    [edge, browser] = await Promise.all([testEdge({ WEBHOOK_ALLOW_PRIVATE: 'true' }), testBrowser()]);
    page = await browser.open(`${edge.url}/`);
  });
  afterAll(async () => {
    await browser?.close();
    await edge?.remove();
  });

  const row = (text: string) => page.getByRole('row').filter({ hasText: text });
  const incidents = async (): Promise<Incident[]> =>
    ((await (await fetch(`${edge.url}/incidents`)).json()) as { incidents: Incident[] }).incidents;

  it('tells a browser and a script apart, and caches know it', async () => {
    const script = await fetch(`${edge.url}/`);
    expect(script.headers.get('content-type')).toContain('json');
    expect(script.headers.get('vary')).toContain('Accept');
    expect(await page.title()).toBe('Live · Vigía');
  });

  it('says what to do while no window came', async () => {
    await page.getByText('No window has come in yet').waitFor();
    await page.getByText('No incident is open.').waitFor();
    await page.getByText(`vigia collect --to ${edge.url}`).waitFor();
  });

  it('shows an attack without being loaded again', async () => {
    await page.getByText('live', { exact: true }).waitFor();
    await edge.detect([quietWindow(), scanWindow('198.51.100.7', { host: 'db-1', start: new Date().toISOString() })]);
    await row('db-1').waitFor();
    expect(await row('db-1').innerText()).toMatch(
      /critical\s+Port scan\s+db-1\s+198\.51\.100\.7\s+1\s+\d+ s ago\s+open/,
    );
    await page.getByText('1 critical').waitFor();
  });

  it('explains it: facts, technique, the rule with what it saw', async () => {
    await row('db-1').getByRole('link', { name: 'Port scan' }).click();
    await page.getByRole('heading', { name: 'Port scan on db-1' }).waitFor();
    expect(await page.getByRole('link', { name: 'T1046' }).first().getAttribute('href')).toBe(
      'https://attack.mitre.org/techniques/T1046/',
    );
    await page.getByText('unique_ports > 20 and packets_per_second > 100', { exact: true }).waitFor();
  });

  it('takes the answer of who was paged, and a comment as it was written', async () => {
    const comment = '<img src=x onerror="document.title=1"> asked the owner';
    await page.getByLabel('Note').fill('our own auditors');
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByText('Marked as acknowledged.').waitFor();
    await page.getByLabel('Comment').fill(comment);
    await page.getByLabel('Your name').fill('night shift');
    await page.getByRole('button', { name: 'Comment' }).click();
    await page.getByText(comment).waitFor();
    await page.getByText('night shift, 2').waitFor();
    expect(await page.title()).toBe('Incidents · Vigía');
    const falseAlarm = page.getByRole('button', { name: 'False alarm' });
    await falseAlarm.click();
    await page.getByRole('button', { name: 'Learn it as normal?' }).waitFor();
    await falseAlarm.waitFor();
    expect(await incidents()).toMatchObject([{ state: 'acknowledged', note: 'our own auditors' }]);
  });

  it('finds it by its state, and the way back', async () => {
    await page.getByRole('link', { name: 'Incidents' }).click();
    await row('db-1').waitFor();
    await page.getByLabel('state').selectOption('resolved');
    await page.getByText('No incident is like this.').waitFor();
    expect(page.url()).toContain('#/incidents?state=resolved');
    await page.goBack();
    await row('db-1').waitFor();
  });

  it('shows one attack on several hosts as one campaign', async () => {
    await edge.detect(['web-7', 'web-8', 'web-9'].map((host) => scanWindow('203.0.113.50', { host })));
    await page.getByRole('link', { name: 'Vigía' }).click();
    const campaign = page.getByRole('row').filter({ hasText: '203.0.113.50' });
    await expect.poll(() => campaign.count(), { timeout: 30_000 }).toBe(1);
    await campaign.getByRole('link').click();
    await page.getByRole('heading', { name: 'Port scan on 3 hosts' }).waitFor();
    await page.getByRole('button', { name: 'Resolve' }).click();
    await page.getByText('Marked as resolved.').waitFor();
    await page.getByRole('cell', { name: 'resolved' }).nth(2).waitFor();
  });

  it('shows which other group needs somebody, and goes there', async () => {
    await edge.detect([scanWindow('192.0.2.66', { host: 'till-1', group: 'shop' })]);
    await page.getByRole('link', { name: 'Vigía' }).click();
    await page.getByRole('link', { name: 'shop' }).click();
    await row('till-1').waitFor();
    expect(await page.title()).toBe('(1) Live · Vigía');
    await page.getByRole('link', { name: 'default' }).click();
    await row('till-1').waitFor({ state: 'detached' });
  });

  it('judges a window that is written by hand, keeps nothing of it, and names a field that is wrong', async () => {
    const before = (await incidents()).length;
    await page.getByRole('link', { name: 'Models' }).click();
    await page.getByRole('button', { name: 'Judge' }).click();
    await page.getByText('port_scan, confidence').waitFor();
    await page.getByLabel('Window, in JSON').fill('{"unique_ports": -1}');
    await page.getByRole('button', { name: 'Judge' }).click();
    await page.getByRole('alert').getByText('unique_ports').waitFor();
    await page.getByLabel('User name').fill('rm -rf /');
    await page.getByRole('button', { name: 'Classify' }).click();
    await page.getByText('command, ').waitFor();
    expect(await incidents()).toHaveLength(before);
  });

  it('says why a training failed, and asks twice before it begins one', async () => {
    await page.getByRole('button', { name: 'Train now' }).click();
    await page.getByRole('button', { name: 'Train now?' }).click();
    await page
      .getByRole('alert')
      .getByText(/windows/)
      .waitFor();
  });

  it('announces maintenance and allows a source; a wrong one is named; both end', async () => {
    await page.getByRole('link', { name: 'Quiet' }).click();
    await page.getByLabel('Hosts').fill('db-*');
    await page.getByLabel('Reason').first().fill('new disks');
    await page.getByRole('button', { name: 'Announce' }).click();
    await row('new disks').waitFor();
    await page.getByLabel('Address or network').fill('0.0.0.0/0');
    await page.getByLabel('Reason').last().fill('our own scanner');
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByText('must not be all addresses').waitFor();
    await page.getByLabel('Address or network').fill('192.0.2.7');
    await page.getByRole('button', { name: 'Allow' }).click();
    await row('192.0.2.7/32').getByRole('button', { name: 'Remove' }).click();
    await row('192.0.2.7/32').getByRole('button', { name: 'Tell of it again?' }).click();
    await page.getByText('None is allowed.').waitFor();
    await row('new disks').getByRole('button', { name: 'End' }).click();
    await row('new disks').getByRole('button', { name: 'End it?' }).click();
    await page.getByText('It has ended.').waitFor();
  });

  it('tests an endpoint of webhooks, and says when the test did not arrive', async () => {
    const receiver = await webhookReceiver();
    await edge.post('/webhooks', { id: 'soc', format: 'plain', url: receiver.url });
    await page.getByRole('link', { name: 'Webhooks' }).click();
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByText('The test arrived.').waitFor();
    expect(receiver.deliveries).toHaveLength(1);
    await receiver.close();
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByText('The test did not arrive').waitFor();
  });

  it.each(['light', 'dark'] as const)('is accessible, in %s', async (colorScheme) => {
    const [incident] = await incidents();
    const shown = await browser.open(`${edge.url}/`, { colorScheme, bypassCSP: true });
    await shown.addScriptTag({ content: AXE });
    const places = ['live', 'incidents', `incidents/${incident?.id}`, 'campaigns', 'models', 'quiet', 'webhooks'];
    for (const place of places) {
      await shown.goto(`${edge.url}/#/${place}`);
      await shown.getByRole('heading', { level: 1 }).waitFor();
      const violations = await shown.evaluate(
        'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + " " + nodes[0].html))',
      );
      expect(violations, place).toEqual([]);
    }
    await shown.close();
  });

  it('holds no connection while its tab is out of view, of which a browser has six', async () => {
    // Headless, every tab is in view: the browser's word for it is put in its place.
    const becomes = (state: string): Promise<unknown> =>
      page.evaluate(`Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
        document.dispatchEvent(new Event('visibilitychange'))`);
    const isStream = (request: Request): boolean => request.url().includes('/incidents/stream');
    await Promise.all([page.waitForEvent('requestfailed', isStream), becomes('hidden')]);
    await edge.detect([scanWindow('198.51.100.8', { host: 'db-2' })]);
    await Promise.all([page.waitForEvent('request', isStream), becomes('visible')]);
    await page.getByRole('link', { name: 'Vigía' }).click();
    await row('db-2').waitFor();
  });

  it('says that the connection is lost, and shows what happened meanwhile when the edge is back', async () => {
    await page.getByRole('link', { name: 'Vigía' }).click();
    const { port } = new URL(edge.url);
    await edge.stop();
    await page.getByText('connection lost').waitFor();
    edge = await testEdge({ WEBHOOK_ALLOW_PRIVATE: 'true' }, edge.stateDir, Number(port));
    await edge.detect([scanWindow('198.51.100.99', { host: 'mail-1' })]);
    await row('mail-1').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
  });

  it('ran no script but its own, and asked nobody else', () => {
    expect(browser.faults).toEqual([]);
  });
});

describe.skipIf(reason)(named('the dashboard of an edge with tokens', reason), () => {
  let edge: TestEdge;
  let browser: TestBrowser;
  let page: Page;
  beforeAll(async () => {
    [edge, browser] = await Promise.all([testEdge({ TOKEN_KEY: KEY }), testBrowser()]);
    page = await browser.open(`${edge.url}/#/incidents?group=web`);
  });
  afterAll(async () => {
    await browser?.close();
    await edge?.remove();
  });

  const signIn = async (token: string): Promise<void> => {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };

  it('asks for one, and says why one is refused', async () => {
    await page.getByLabel('Token').waitFor();
    await signIn(`${await tokenOf({ scope: 'read' })}x`);
    await page.getByText('The token is not valid here.').waitFor();
  });

  it('shows the group of the link, and says which scope an answer needs', async () => {
    const attack = scanWindow('198.51.100.7', { group: 'web' });
    await edge.detect([attack], { authorization: `Bearer ${await tokenOf({ scope: 'ingest' })}` });
    await signIn(await tokenOf({ scope: 'read', group: 'web' }));
    await page.getByRole('link', { name: 'Port scan' }).click();
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByRole('alert').getByText('The token lacks the scope "admin".').waitFor();
  });

  it('forgets it when told to, or when the tab is closed', async () => {
    await page.reload();
    await page.getByRole('heading', { name: 'Port scan' }).waitFor();
    expect(await page.evaluate('JSON.stringify(localStorage) + document.cookie')).toBe('{}');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    await page.reload();
    await page.getByLabel('Token').waitFor();
  });

  it('asks again once it has ended', async () => {
    await signIn(await tokenOf({ scope: 'read', group: 'web' }, 6));
    await page.getByRole('link', { name: 'Vigía' }).click();
    await page.getByText('The token has expired').waitFor();
  });

  it('ran no script but its own, and asked nobody else', () => {
    expect(browser.faults).toEqual([]);
  });
});

async function tokenOf(claims: { scope: string; group?: string }, life_s = 600): Promise<string> {
  const ends = Math.floor(Date.now() / 1000) + life_s;
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(ends)
    .sign(new TextEncoder().encode(KEY));
}
