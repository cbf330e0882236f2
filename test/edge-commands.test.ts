/** `vigia incidents` and `vigia models` against a running edge, as a user types them. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { incidentPage } from '../contract/incident.ts';
import { type CommandEdge, commandEdge, type Ended } from './command-edge.ts';
import { scanWindow } from './edge-fixture.ts';
import { normalWindows } from './fitted-models.ts';

let made: CommandEdge;
let id: string;
let version: string;

const vigia = (...args: string[]): Promise<Ended> => made.vigia(...args);
const asAdmin = (...args: string[]): Promise<Ended> => made.as('admin', ...args);

beforeAll(async () => {
  made = await commandEdge();
  const { edge, headers } = made;
  const windows = normalWindows(200, 4).map((window) => ({ ...window, group: 'default' }));
  await edge.detect(windows, headers);
  await edge.detect([scanWindow('192.0.2.7'), scanWindow('192.0.2.8', { host: 'db-1' })], headers);
  const trained = await edge.post('/v1/train', '', headers);
  version = ((await trained.json()) as { version: string }).version;
});
afterAll(() => made?.remove());

describe('vigia incidents', () => {
  it('lists them as a table, and by --json as the edge answers', async () => {
    const { code, stdout, stderr } = await asAdmin('incidents', 'list', '--host', 'db-1', '--json');
    expect(code, stderr).toBe(0);
    const { incidents } = incidentPage.parse(JSON.parse(stdout));
    expect(incidents).toHaveLength(1);
    id = incidents[0]?.id ?? '';

    const table = await asAdmin('incidents');
    expect(table.stdout.split('\n')[0]).toMatch(
      /^id +last seen \(UTC\) +state +level +host +threat +alerts +attackers$/,
    );
    expect(table.stdout).toMatch(new RegExp(`^${id} .* open .* db-1 +port_scan +1 +192\\.0\\.2\\.8$`, 'm'));
  });

  it('lists a page at a time, and says how to go on', async () => {
    const first = await asAdmin('incidents', 'list', '--limit', '1');
    const [, cursor = ''] = /^older ones: --cursor (\S+)$/m.exec(first.stderr) ?? [];
    const second = await asAdmin('incidents', 'list', '--limit', '1', '--cursor', cursor);
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(second.stdout.split('\n')[1]).not.toBe(first.stdout.split('\n')[1]);
  });

  it('shows one with its evidence', async () => {
    const { stdout } = await asAdmin('incidents', 'show', id);
    expect(stdout).toMatch(/^attackers +192\.0\.2\.8$/m);
    expect(stdout).toMatch(/^rules +.*unique_ports/m);
  });

  it('acknowledges one, or calls it a false alarm, with a note', async () => {
    expect(await asAdmin('incidents', 'ack', id)).toMatchObject({ code: 0, stdout: `${id} is acknowledged\n` });
    const note = 'our own \u001b[31mauditors';
    expect((await asAdmin('incidents', 'false-alarm', id, '--note', note)).stdout).toBe(`${id} is false_alarm\n`);
    expect((await asAdmin('incidents', 'show', id)).stdout).toMatch(/^note +our own \ufffd\[31mauditors$/m);
  });
});

describe('vigia models', () => {
  it('lists the versions with their quality', async () => {
    const { stdout } = await asAdmin('models', 'list');
    expect(stdout).toMatch(new RegExp(`^${version} +live +\\d+ +\\d+ +[\\d.]+ +\\d+ % +spatial`, 'm'));
    expect((await asAdmin('models', '--group', 'empty')).stdout).toMatch(/nothing is trained yet for the group empty/);
  });

  it('says which version is refused, why, and what judges instead', async () => {
    const bucket = await made.edge.runtime.getR2Bucket('BUCKET', 'vigia');
    const damaged = '20991231T000000Z-00000000';
    for (const { key } of (await bucket.list({ prefix: `models/default/${version}/` })).objects) {
      const text = await (await bucket.get(key))?.text();
      const isManifest = key.endsWith('manifest.json');
      await bucket.put(
        key.replace(version, damaged),
        isManifest ? (text?.replaceAll(version, damaged) ?? '') : 'damaged',
      );
    }
    const pointer = { version: damaged, previous: version, promoted_at: new Date().toISOString() };
    await bucket.put('models/default/current.json', JSON.stringify(pointer));
    await expect
      .poll(async () => (await asAdmin('models', 'list')).stdout, { timeout: 60_000 })
      .toMatch(
        new RegExp(
          `^${damaged} +refused .*\\n${version} (?!.*live).*\\n${damaged} is refused: .*SHA-256.*\\n${version} judges meanwhile; "vigia models rollback"`,
          'm',
        ),
      );
    const answer = JSON.parse((await asAdmin('models', '--json')).stdout) as object;
    expect(answer).toMatchObject({ current: damaged, refused_model: { version: damaged } });
  });

  it('goes back to one that is there, and says so where there is none', async () => {
    const back = await asAdmin('models', 'rollback', version);
    expect(back).toMatchObject({ code: 0 });
    expect(back.stdout).toContain(`${version} is live for the group default`);
    const none = await asAdmin('models', 'rollback', '20200101T000000Z-00000000');
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/answers 404 Not found: There is no version 20200101T000000Z-00000000/);
  });
});

describe('what an edge refuses ends with 2 and', () => {
  it('its reason', async () => {
    const { code, stderr } = await made.as('ingest', 'incidents');
    expect(code).toBe(2);
    expect(stderr).toMatch(/answers 403 Forbidden: The token lacks the scope "read"\.\n$/);
    expect((await vigia('models', '--to', made.edge.url)).stderr).toMatch(
      /answers 401 Unauthorized: Send Authorization/,
    );
  });

  it('each wrong field', async () => {
    const { code, stderr } = await asAdmin('incidents', 'list', '--limit', '501', '--group', 'No Group');
    expect(code).toBe(2);
    expect(stderr).toMatch(/answers 400 Bad request: The query is not valid\.\n {2}group: .*\n {2}limit: .*500/);
  });

  it('what stands there instead, where it is no edge', async () => {
    const server = createServer((_, response) => response.end('<h1>It \u001b[31mworks!</h1>')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await vigia('models', '--to', url)).stderr).toMatch(/answers no JSON: <h1>It \ufffd\[31mworks!/);
    server.close();
    const gone = await vigia('models', '--to', url);
    expect(gone.code).toBe(2);
    expect(gone.stderr).toMatch(/does not answer: .*ECONNREFUSED.*; --to names another edge/);
    expect((await vigia('webhooks', 'list', '--to', url)).stderr).toMatch(/does not answer: .*ECONNREFUSED/);
  });
});
