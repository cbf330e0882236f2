/** What was in a log before it was rotated is read too: whatever the file is called, compressed or not, and counted where it cannot be. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { LogTail } from '../collector/auth/log-tail.ts';
import { openSource } from '../collector/sources/open-source.ts';
import { clock, line, NOW_S, readLog, since } from './log-reading.ts';

const root = mkdtempSync(join(tmpdir(), 'vigia-rotated-'));
afterAll(() => rmSync(root, { recursive: true }));

let log: string;
beforeEach(() => {
  log = join(mkdtempSync(join(root, 'log-')), 'auth.log');
});

/** @param writtenAt seconds from now */
function place(ending: string, content: string | Uint8Array, writtenAt: number): void {
  writeFileSync(`${log}${ending}`, content);
  utimesSync(`${log}${ending}`, NOW_S + writtenAt, NOW_S + writtenAt);
}

/** As logrotate does it with `compress` and `create`; gzip leaves the file its time. */
function rotate(ending: string): void {
  renameSync(log, `${log}${ending}`);
  writeFileSync(log, '');
  execFileSync('gzip', [`${log}${ending}`]);
}

/** Whatever is counted is told as often. */
async function readAll(why = ''): Promise<{ lines: string[]; unread: number | undefined }> {
  const told: [string, unknown][] = [];
  const tail = new LogTail(log, clock, since, (event, facts) => told.push([event, facts]));
  const lines = await readLog(tail);
  const unread = tail.losses().rotated_log_unread;
  const facts = { file: expect.stringMatching(/\/auth\.log\.1/), message: expect.stringContaining(why) };
  expect(told).toEqual(Array.from({ length: unread ?? 0 }, () => ['rotated_log_unread', facts]));
  return { lines, unread };
}

const BEFORE = [-5000, -500, -400].map((second) => line(second));
const NOW = line(-300);

describe('a log that was rotated a short while ago', () => {
  it.each(['.1', '-20261121'])('and compressed at once is begun in what gzip made of %s', async (ending) => {
    place('', BEFORE.join(''), -400);
    rotate(ending);
    writeFileSync(log, NOW);
    expect(await readAll()).toEqual({ lines: [...BEFORE, NOW], unread: 0 });
  });

  it.each([
    ['.1', Buffer.from],
    ['-20261121', Buffer.from],
    ['-20261121-1763726400', Buffer.from],
    ['.2026-11-21_12:00', Buffer.from],
    ['.1.zst', zstdCompressSync],
    ['-2026-11-21.zst', zstdCompressSync],
  ] as const)('is begun in auth.log%s', async (ending, compress) => {
    place(ending, compress(Buffer.from(BEFORE.join(''))), -400);
    writeFileSync(log, NOW);
    expect(await readAll()).toEqual({ lines: [...BEFORE, NOW], unread: 0 });
  });

  it('twice is read in the order in which it was written', async () => {
    const seconds = [-580, -550, -450, -400].map((second) => line(second));
    place('.2.gz', gzipSync(seconds.slice(0, 2).join('')), -550);
    place('.1', seconds.slice(2).join(''), -400);
    writeFileSync(log, NOW);
    expect(await readAll()).toEqual({ lines: [...seconds, NOW], unread: 0 });
  });

  it('is not begun in what was written before its lines count, nor in what is of another log or no rotated one', async () => {
    for (const ending of ['.1', '.1.gz', '.2.xz', '-20261114.gz']) place(ending, line(-1000), -1000);
    for (const ending of ['.bak', '-old', '.3.bak', '.bak.gz', '.3.gz.tmp', 'x.1', '2'])
      place(ending, line(-400), -400);
    writeFileSync(join(log, '..', 'my-auth.log.1'), line(-400));
    writeFileSync(log, NOW);
    expect(await readAll()).toEqual({ lines: [NOW], unread: 0 });
  });

  it('and is being compressed is read once', async () => {
    const whole = gzipSync(BEFORE.join(''));
    place('.1', BEFORE.join(''), -400);
    place('.1.gz', whole.subarray(0, whole.length - 9), 0);
    writeFileSync(log, NOW);
    expect(await readAll()).toEqual({ lines: [...BEFORE, NOW], unread: 0 });
  });

  it.each([
    ['gzip', '.1.gz', gzipSync],
    ['zstd', '.1.zst', zstdCompressSync],
  ] as const)('is begun a little before the lines that still count also in %s, however long it is', async (_, ending, compress) => {
    const seconds = Array.from({ length: 86_400 }, (_, i) => i - 86_700);
    const text = seconds.map((second) => line(second, `sshd[${second % 7}]: a line of some length`)).join('');
    place(ending, compress(Buffer.from(text)), -301);
    writeFileSync(log, NOW);
    const { lines, unread } = await readAll();
    const [first = ''] = lines;
    expect(Date.parse(first.slice(0, 24))).toBeLessThanOrEqual(since.oldest_ms());
    expect(lines.length).toBeGreaterThan(300);
    expect(lines.length).toBeLessThan(4000);
    expect(lines.slice(-300)).toEqual([
      ...text
        .trimEnd()
        .split('\n')
        .slice(-299)
        .map((found) => `${found}\n`),
      NOW,
    ]);
    expect(unread).toBe(0);
  });
});

describe('a rotated log that cannot be read', () => {
  it.each([
    ['a folder', '.1', null, 'EISDIR'],
    ['xz', '.1.xz', Buffer.from('fd377a585a0000', 'hex'), 'compressed by neither gzip nor zstd'],
    ['no gzip, whatever its name', '.1.gz', Buffer.from('BZh91AY&SY'), 'compressed by neither gzip nor zstd'],
    ['empty', '.1.gz', Buffer.alloc(0), 'compressed by neither gzip nor zstd'],
  ])('for it is %s is counted and told, and the log is read all the same', async (_, ending, content, why) => {
    if (content === null) mkdirSync(`${log}${ending}`);
    else place(ending, content, -400);
    writeFileSync(log, NOW);
    expect(await readAll(why)).toEqual({ lines: [NOW], unread: 1 });
  });

  it.each([
    ['gzip', '.1.gz', gzipSync],
    ['zstd', '.1.zst', zstdCompressSync],
  ] as const)('past some point, where %s is cut or damaged, is read to there, and counted', async (_, ending, compress) => {
    const all = Array.from({ length: 20_000 }, (_, i) => line(-500 + i / 100, `${(i * 7919) % 10_007}`));
    const whole = compress(Buffer.from(all.join('')));
    const at = Math.floor(whole.length * 0.6);
    const damaged = Buffer.concat([whole.subarray(0, at), Buffer.alloc(500, 0xff), whole.subarray(at + 500)]);
    for (const content of [whole.subarray(0, at), damaged]) {
      place(ending, content, -301);
      writeFileSync(log, NOW);
      const { lines, unread } = await readAll('is cut or damaged');
      expect(lines.length).toBeGreaterThan(2000);
      expect(lines.length).toBeLessThan(20_000);
      expect(lines.slice(0, 2000)).toEqual(all.slice(0, 2000));
      expect(lines.at(-1)).toBe(NOW);
      expect(unread).toBe(1);
    }
  });

  it('for its last bytes are missing is read, and counted', async () => {
    place('.1.gz', gzipSync(BEFORE.join('')).subarray(0, -4), -400);
    writeFileSync(log, NOW);
    expect(await readAll()).toEqual({ lines: [...BEFORE, NOW], unread: 1 });
  });

  it('to its end, for more than a gibibyte is in it, is counted', async () => {
    const member = gzipSync(line(-5000, 'x'.repeat(1000)).repeat(16_384));
    place('.1.gz', Buffer.concat([...Array.from({ length: 70 }, () => member), gzipSync(line(-400))]), -400);
    writeFileSync(log, NOW);
    const { lines, unread } = await readAll('holds more than 1073741824 bytes');
    expect(unread).toBe(1);
    expect(lines.length).toBeLessThan(100);
    expect(lines).not.toContain(line(-400));
    expect(lines.at(-1)).toBe(NOW);
  }, 60_000);
});

it('a followed log that is rotated and compressed between two looks is read to its end', async () => {
  writeFileSync(log, BEFORE.join(''));
  const tail = new LogTail(log, clock, since);
  const found = await readLog(
    tail,
    (times) => {
      if (times > 0) return;
      appendFileSync(log, line(-350));
      rotate('.1');
      appendFileSync(log, NOW);
    },
    3,
  );
  expect(found).toEqual([...BEFORE, line(-350), NOW]);
  expect(tail.losses()).toEqual({ line_too_long: 0, log_truncated: 0, rotated_log_unread: 0 });
});

it('a source tells of which log, and why it cannot be read', async () => {
  writeFileSync(`${log}.1.xz`, 'fd377a585a0000', 'hex');
  writeFileSync(log, '');
  const told: unknown[] = [];
  const settings = { host: 'h', group: 'g', period_ms: 1000, local: [], accounts: [], spoolDir: root };
  const tell = (event: string, facts: object): unknown => told.push({ event, ...facts });
  const { source } = openSource(`auth:${log}`, settings, { tell });
  const stop = new AbortController();
  const reading = (async () => {
    for await (const window of source.windows(stop.signal)) throw new Error(`a window of nothing: ${window.id}`);
  })();
  await vi.waitFor(() => expect(told).toHaveLength(1), { timeout: 20_000 });
  stop.abort();
  await reading;
  const message = `${log}.1.xz: is compressed by neither gzip nor zstd`;
  expect(told).toEqual([{ event: 'rotated_log_unread', source: `auth:${log}`, file: `${log}.1.xz`, message }]);
  expect(source.losses().rotated_log_unread).toBe(1);
});
