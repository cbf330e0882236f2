/** The bulk body of `POST /detect` says the same as JSON, to the last digit, and is refused where JSON would be. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storedWindows } from '../cli/edge/stored-windows.ts';
import { openColumns, readColumns } from '../contract/columns/decode.ts';
import { encodeColumns } from '../contract/columns/encode.ts';
import { COLUMNS_MEDIA_TYPE, type ColumnsHeader, PREFIX_BYTES } from '../contract/columns/format.ts';
import { InstantText } from '../contract/columns/instant-text.ts';
import { MAX_WINDOWS } from '../contract/detect-request.ts';
import { type NetworkWindow, networkWindow, type Source } from '../contract/network-window.ts';
import type { Result } from '../contract/result.ts';
import { quietWindow, scanWindow, type TestEdge, testEdge } from './edge-fixture.ts';
import { made } from './made-windows.ts';

const count = fc.oneof(fc.nat(300), fc.nat(70_000), fc.maxSafeNat());
const rate = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null | undefined> =>
  fc.oneof({ weight: 4, arbitrary: value }, fc.constantFrom(null, undefined));
const ratio = maybe(fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value + 0));
const ip = fc.oneof(fc.ipV4(), fc.ipV6());
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:@-]{0,8}$/);

const source: fc.Arbitrary<Source> = fc.record({
  ip,
  packets: count,
  bytes: count,
  syn_packets: maybe(count),
  unique_ports: maybe(count),
});
const start = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.date({ min: new Date(0), max: new Date(2e12), noInvalidDate: true }).map((at) => at.toISOString()),
  },
  fc.constantFrom(
    '2026-11-20T10:00:00Z',
    '2026-11-20T10:00:00.123456Z',
    '2026-11-20T10:00:00.000+01:00',
    '1969-12-31T23:59:59.999Z',
  ),
);
const anyWindow: fc.Arbitrary<NetworkWindow> = fc.record(
  {
    id: name,
    host: name,
    group: fc.constantFrom('a', 'b'),
    interface: name,
    start,
    duration_s: fc.double({ min: 1e-9, max: 86_400, noNaN: true }),
    packets: maybe(count),
    bytes: maybe(count),
    packets_per_second: maybe(rate),
    bytes_per_second: maybe(rate),
    bytes_in_per_second: maybe(rate),
    bytes_out_per_second: maybe(rate),
    unique_ips: maybe(count),
    unique_ports: maybe(count),
    tcp_packets: maybe(count),
    udp_packets: maybe(count),
    icmp_packets: maybe(count),
    syn_packets: maybe(count),
    tcp_ratio: ratio,
    avg_latency_ms: maybe(rate),
    max_latency_ms: maybe(rate),
    jitter_ms: maybe(rate),
    packet_loss_rate: ratio,
    sources: fc.option(fc.array(source, { maxLength: 10 }), { nil: undefined }),
    recent: fc.option(
      fc.record({
        over_s: rate,
        bytes_in_per_second: maybe(rate),
        bytes_out_per_second: maybe(rate),
        scanners: fc.array(fc.record({ ip, unique_ports: count }), { maxLength: 10 }),
      }),
      { nil: undefined },
    ),
  },
  { noNullPrototype: true },
);

const SOURCE: Source = { ip: '192.0.2.1', packets: 1, bytes: 60 };

/** As it would be stored: members that are undefined are not there. */
const stored = (windows: readonly unknown[]): unknown => JSON.parse(JSON.stringify(windows));

const authWindow = {
  id: 'auth:h:1',
  host: 'web-1',
  group: 'default',
  start: '2026-11-20T10:00:00.000Z',
  duration_s: 60,
  username: 'root',
  total_attempts: 4,
};

describe('windows by columns', () => {
  it('are what they were as rows', () => {
    let sound = 0;
    fc.assert(
      fc.property(
        fc.array(anyWindow, { minLength: 1, maxLength: 12 }),
        fc.array(anyWindow, { maxLength: 4 }),
        (windows, context) => {
          const read = readColumns(openColumns(encodeColumns(windows, context)));
          expect(stored(read.windows)).toEqual(stored(windows));
          expect(stored(read.context)).toEqual(stored(context));
          expect(read.unknownFields).toBe(0);
          if (read.isSound) sound++;
        },
      ),
      { numRuns: 2_000 },
    );
    expect(sound).toBeGreaterThan(100);
  });

  it('have every field of the schema', () => {
    const whole = made(1, {
      ...Object.fromEntries(Object.keys(networkWindow.shape).map((field) => [field, 1])),
      ...made(1),
      sources: [{ ip: '192.0.2.1', packets: 1, bytes: 60, syn_packets: 0, unique_ports: null }],
      recent: {
        over_s: 60,
        bytes_in_per_second: 1,
        bytes_out_per_second: 0.5,
        scanners: [{ ip: '::1', unique_ports: 5 }],
      },
    });
    expect(networkWindow.safeParse(whole).success).toBe(true);
    const read = readColumns(openColumns(encodeColumns([whole], [])));
    expect(read).toEqual({ isSound: true, windows: [whole], context: [], unknownFields: 0 });
  });

  it('keep the order among windows that do not fit columns', () => {
    const windows = [authWindow, quietWindow(), { ...authWindow, id: 'auth:h:2' }, quietWindow()];
    const read = readColumns(openColumns(encodeColumns(windows, [quietWindow()])));
    expect(read.isSound).toBe(false);
    expect(stored(read.windows)).toEqual(windows);
    expect(read.context).toHaveLength(1);
  });

  it('begin when toISOString says', () => {
    const text = new InstantText();
    const instant = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });
    fc.assert(
      fc.property(instant, (date) => {
        expect(text.of(date.getTime())).toBe(date.toISOString());
      }),
    );
    expect([-1, 0.5, Number.NaN, 253_402_300_800_000].map((ms) => text.of(ms))).toEqual(['', '', '', '']);
  });
});

/** A body with another header; its columns stay. */
function withHeader(body: Uint8Array, change: (header: ColumnsHeader) => object): Buffer {
  const bytes = Buffer.from(body);
  const data = PREFIX_BYTES + bytes.readUInt32LE();
  const header = Buffer.from(JSON.stringify(change(JSON.parse(bytes.toString('utf8', PREFIX_BYTES, data)))));
  const length = Buffer.alloc(PREFIX_BYTES);
  length.writeUInt32LE(header.length);
  return Buffer.concat([length, header, bytes.subarray(data)]);
}

describe('an edge', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await testEdge();
  }, 60_000);
  afterAll(() => edge.remove());

  const bulk = (body: Uint8Array, headers = {}): Promise<Response> =>
    edge.post('/detect', body, { 'content-type': COLUMNS_MEDIA_TYPE, ...headers });
  const json = async (answer: Response): Promise<Record<string, unknown>> =>
    (await answer.json()) as Record<string, unknown>;

  it('judges and stores them as it does the same windows in JSON, and answers what it found', async () => {
    const made = fc.sample(anyWindow, 200).map((window, i) => ({ ...window, id: `w-${i}` }));
    const windows = [...made, scanWindow('192.0.2.7'), { ...authWindow, total_attempts: 60, failed_attempts: 60 }];
    const inGroup = (group: string): NetworkWindow[] =>
      windows.map((window) => ({ ...window, group }) as NetworkWindow);
    const results = await edge.detect(inGroup('rows'));
    const answer = await bulk(gzipSync(encodeColumns(inGroup('columns'), [])), { 'content-encoding': 'gzip' });
    expect(answer.status).toBe(200);
    const isFound = ({ threat_detected, explanation }: Result): boolean =>
      threat_detected || explanation.notes.length > 0;
    const found = results
      .map((result, index) => ({ index, result }))
      .filter(({ result }) => isFound(result))
      .map(({ index, result }) => ({ index, result: { ...result, window: { ...result.window, group: 'columns' } } }));
    expect(found.length).toBeGreaterThan(2);
    expect(found.length).toBeLessThan(windows.length);
    expect(await json(answer)).toEqual({ judged: windows.length, found });

    const alerts = async (group: string): Promise<unknown> =>
      /^ml_detector_alerts_total\{group="GROUP"\} (\d+)$/m.exec(
        (await (await fetch(`${edge.url}/metrics`)).text()).replaceAll(`"${group}"`, '"GROUP"'),
      )?.[1];
    await expect.poll(() => alerts('rows'), { timeout: 10_000 }).toMatch(/\d/);
    await expect.poll(() => alerts('columns'), { timeout: 10_000 }).toBe(await alerts('rows'));

    const lines = async (group: string): Promise<object[]> =>
      (await storedWindows(edge.runtime, group)).map((window) => ({ ...window, group: '' }));
    expect(await lines('columns')).toHaveLength(windows.length);
    expect(await lines('columns')).toEqual(await lines('rows'));
  });

  it('answers a repetition the same and stores it once, by columns or in JSON', async () => {
    const windows = [scanWindow('192.0.2.9', { group: 'again' }), quietWindow({ group: 'again' })];
    const headers = { 'idempotency-key': 'key' };
    const first = await json(await bulk(encodeColumns(windows, []), headers));
    expect(await json(await bulk(encodeColumns(windows, []), headers))).toEqual(first);
    expect(await edge.detect(windows, headers)).toHaveLength(2);
    expect(await storedWindows(edge.runtime, 'again')).toHaveLength(2);
  });

  it.each<[string, Partial<NetworkWindow>]>([
    ['tcp_ratio', { tcp_ratio: 1.5 }],
    ['packets', { packets: -3 }],
    ['duration_s', { duration_s: 0 }],
    ['duration_s', { duration_s: 86_401 }],
    ['host', { host: 'web 1' }],
    ['group', { group: 'Web' }],
    ['interface', { interface: 'eth 0' }],
    ['id', { id: '../x' }],
    ['id', { id: 'x'.repeat(161) }],
    ['start', { start: 'yesterday' }],
    ['sources[1].ip', { sources: [SOURCE, { ...SOURCE, ip: '1' }] }],
    ['sources[0].bytes', { sources: [{ ...SOURCE, bytes: -1 }] }],
    ['sources[0].unique_ports', { sources: [{ ...SOURCE, unique_ports: -1 }] }],
    ['recent.over_s', { recent: { over_s: -1, scanners: [] } }],
    ['recent.bytes_in_per_second', { recent: { over_s: 1, bytes_in_per_second: -1, scanners: [] } }],
    ['recent.scanners[0].unique_ports', { recent: { over_s: 1, scanners: [{ ip: '::1', unique_ports: -1 }] } }],
  ])('refuses a wrong %s of one window as it does in JSON, and keeps nothing', async (field, wrong) => {
    const windows = [quietWindow(), quietWindow(wrong), quietWindow()];
    const inJson = await edge.post('/detect', { windows });
    const answer = await bulk(encodeColumns(windows, []));
    expect([answer.status, inJson.status]).toEqual([400, 400]);
    const problem = await json(answer);
    expect(problem.errors).toMatchObject([{ path: `windows[1].${field}` }]);
    expect(problem).toEqual(await inJson.json());
  });

  const sound = encodeColumns([quietWindow(), scanWindow('192.0.2.1')], []);
  it.each<[string, Uint8Array, string]>([
    ['is no bulk body', Buffer.from('{"windows": []}'), ''],
    ['ends before its last column', sound.subarray(0, -1), 'header.columns[11]'],
    ['goes on after its last column', Buffer.concat([sound, Buffer.alloc(1)]), ''],
    [
      'has a column of no known type',
      withHeader(sound, (h) => ({ ...h, columns: [['packets', 'u64']] })),
      'header.columns[0][1]',
    ],
    [
      'has a column twice',
      withHeader(sound, (h) => ({
        ...h,
        columns: [
          ['packets', 1],
          ['packets', 2],
        ],
      })),
      'header.columns[1]',
    ],
    [
      'counts more sources than a window has',
      withHeader(sound, (h) => ({ ...h, columns: [['sources', 1e9]] })),
      'windows[0].sources',
    ],
    ['is of another format', withHeader(sound, (h) => ({ ...h, format: 2 })), 'header.format'],
    ['holds context alone', withHeader(sound, (h) => ({ ...h, context: 2 })), 'windows'],
    ['puts a window nowhere', withHeader(sound, (h) => ({ ...h, rest: [[9, authWindow]] })), 'header.rest[0]'],
  ])('refuses a body that %s', async (_name, body, path) => {
    const answer = await bulk(body);
    expect(answer.status).toBe(400);
    expect((await json(answer)).errors).toMatchObject([{ path }]);
  });

  it('takes as many windows as in JSON', async () => {
    const body = (windows: number): Uint8Array =>
      encodeColumns(
        Array.from({ length: windows }, () => quietWindow()),
        [],
      );
    expect((await bulk(body(MAX_WINDOWS))).status).toBe(200);
    expect((await bulk(body(MAX_WINDOWS + 1))).status).toBe(413);
  });

  it('takes a column that it does not know, and counts it', async () => {
    const windows = [quietWindow({ group: 'unknown' }), quietWindow({ group: 'unknown' })];
    const body = withHeader(encodeColumns(windows, []), (h) => ({ ...h, columns: [...h.columns, ['colour', 3]] }));
    expect((await bulk(body)).status).toBe(200);
    const counted = async (): Promise<string> => (await fetch(`${edge.url}/metrics`)).text();
    await expect.poll(counted, { timeout: 10_000 }).toContain('ml_detector_unknown_fields_total{group="unknown"} 2');
  });
});
