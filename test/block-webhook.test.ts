/** Blocks by webhooks: from a real edge to a collector, what is refused and how that is counted and told. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { addressRange } from '../collector/block/address-range.ts';
import { Blocking, type BlockSettings } from '../collector/block/blocking.ts';
import { SparingLog } from '../collector/block/sparing-log.ts';
import { serveWebhooks } from '../collector/block/webhook-receiver.ts';
import { scanWindow, testEdge } from './edge-fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'vigia-block-webhook-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SECRET = `whsec_${Buffer.from('a secret of 24 bytes ...').toString('base64')}`;
const SETTINGS: BlockSettings = { block: 'enforce', blockAt: 'tcx', blockFor: 600, allow: [], keepBlocks: false };
const lines: Record<string, unknown>[] = [];
const log = pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line)) });
beforeEach(() => void lines.splice(0));

describe('webhooks of the edge', () => {
  const event = (ip: string) => ({
    type: 'threat.detected',
    timestamp: new Date().toISOString(),
    incident_id: 'i',
    attacking_ips: [ip],
    data: {
      ...{
        class_uid: 2004,
        class_name: 'Detection Finding',
        category_uid: 2,
        activity_id: 1,
        type_uid: 200401,
        time: 1,
      },
      ...{
        severity_id: 4,
        confidence_score: 90,
        status_id: 1,
        message: 'port scan',
        count: 1,
        evidences: [],
        resources: [],
      },
      finding_info: {
        ...{
          uid: 'i',
          title: 't',
          desc: 'd',
          types: ['port_scan'],
          first_seen_time: 1,
          last_seen_time: 1,
          attacks: [],
        },
      },
      metadata: { version: '1.5.0', product: { name: 'Vigía', vendor_name: 'Vigía', version: '1' } },
    },
  });

  it('block whom they name, once, if they are signed, fresh and well formed', async () => {
    const blocking = new Blocking(SETTINGS, [], folder, log);
    const receiver = await serveWebhooks({ host: '127.0.0.1', port: 0 }, SECRET, blocking);
    const send = async (id: string, body: string, secret = SECRET, at = new Date()): Promise<number> => {
      const headers = {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': new Webhook(secret).sign(id, at, body),
      };
      return (await fetch(`http://127.0.0.1:${receiver.port}`, { method: 'POST', headers, body })).status;
    };
    const blocked = () => blocking.listing().blocks.map(({ range, origin }) => [range, origin]);
    try {
      const body = JSON.stringify(event('203.0.113.9'));
      expect(await send('m1', body, `whsec_${Buffer.from('another secret, 24 bytes').toString('base64')}`)).toBe(401);
      expect(await send('m2', body, SECRET, new Date(Date.now() - 3600_000))).toBe(401);
      expect(await send('m3', '{"type":"threat.detected"}')).toBe(400);
      expect(await send('m4', 'x'.repeat(300_000))).toBe(413);
      expect(blocked()).toEqual([]);
      expect(await send('m5', body)).toBe(204);
      expect(blocked()).toEqual([['203.0.113.9', 'webhook']]);
      blocking.unblockByHand(null);
      expect(await send('m5', body)).toBe(204);
      expect(blocked()).toEqual([]);
      expect((await fetch(`http://127.0.0.1:${receiver.port}`)).status).toBe(405);
      expect(blocking.webhooks.counts).toEqual({
        ...{ taken: 1, replayed: 1, unsigned: 2, malformed: 1, too_large: 1, not_post: 1, failed: 0 },
      });
      const told = lines.filter((line) => line.event === 'webhook_not_taken').map(({ outcome }) => outcome);
      expect(told).toEqual(['unsigned', 'malformed', 'too_large', 'replayed', 'not_post']);
      expect(lines[0]).toMatchObject({ from: '127.0.0.1', message: expect.stringContaining('compare the secret') });
      expect(JSON.stringify(lines)).not.toContain('whsec_');
    } finally {
      receiver.close();
    }
  });

  it('of a real edge block the attacker of another host', async () => {
    const blocking = new Blocking(SETTINGS, [], folder, log);
    const receiver = await serveWebhooks({ host: '127.0.0.1', port: 0 }, SECRET, blocking);
    const edge = await testEdge({
      ...{ WEBHOOK_URL: `http://127.0.0.1:${receiver.port}`, WEBHOOK_SECRET: SECRET, WEBHOOK_ALLOW_PRIVATE: 'true' },
    });
    try {
      for (let second = 0; second < 5; second++) await edge.detect([scanWindow('203.0.113.77')]);
      await expect.poll(() => blocking.webhooks.counts.taken, { timeout: 20_000 }).toBeGreaterThan(0);
      const { blocks } = blocking.listing();
      expect(blocks).toMatchObject([
        { range: '203.0.113.77', origin: 'webhook', enforced: true, reason: expect.stringContaining('port_scan') },
      ]);
      expect(blocking.webhooks.counts).toMatchObject({ unsigned: 0, malformed: 0, failed: 0 });
    } finally {
      await edge.remove();
      receiver.close();
    }
  });

  it('are not taken without a secret that is one', async () => {
    const blocking = new Blocking(SETTINGS, [], folder, pino({ level: 'silent' }));
    for (const secret of ['', 'absent'])
      await expect(serveWebhooks({ host: '127.0.0.1', port: 0 }, secret, blocking)).rejects.toThrow(
        /vigia webhooks add/,
      );
  });
});

describe('what an attacker can repeat', () => {
  it('is told at once, then once a minute with how often it went untold', () => {
    let now_ns = 0n;
    const sparing = new SparingLog(log, { monotonic_ns: () => now_ns });
    const say = (kind: string): void => sparing.warn('block_refused', kind, { refusal: kind });
    for (let i = 0; i < 100; i++) say('allowed');
    say('full');
    now_ns = 60_000_000_000n;
    say('allowed');
    expect(lines.map(({ refusal, not_logged }) => [refusal, not_logged])).toEqual([
      ['allowed', 0],
      ['full', 0],
      ['allowed', 99],
    ]);
  });

  it('is an allowed address that verdicts accuse: counted each time', () => {
    const blocking = new Blocking(SETTINGS, [], folder, log);
    blocking.list.allow({ configured: [addressRange('203.0.113.9')] });
    for (let window = 0; window < 50; window++)
      blocking.judged({
        ...{ threat_detected: true, threat_types: ['port_scan'], attacking_ips: ['203.0.113.9'] },
        ...{ level: 'high', confidence: 0.9, window: null },
      });
    expect(lines.map(({ event, refusal }) => [event, refusal])).toEqual([['block_refused', 'allowed']]);
    expect(blocking.list.refused.allowed).toBe(50);
  });
});
