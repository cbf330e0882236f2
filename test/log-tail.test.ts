/** A log that is followed: where it is begun, and that nothing of it is missed where it is cut or was rotated. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Since } from '../collector/auth/log-start.ts';
import { LogTail } from '../collector/auth/log-tail.ts';
import type { Clock } from '../collector/sources/clock.ts';
import { systemClock } from '../collector/sources/clock.ts';

const NOW_S = Date.UTC(2026, 10, 21, 12) / 1000;
const root = mkdtempSync(join(tmpdir(), 'vigia-log-'));
afterAll(() => rmSync(root, { recursive: true }));

let log: string;
beforeEach(() => {
  log = join(mkdtempSync(join(root, 'log-')), 'auth.log');
});

const line = (second: number, text = 'x'): string => `${new Date((NOW_S + second) * 1000).toISOString()} ${text}\n`;
const since: Since = {
  timeOf_ms: (text) => Date.parse(text.split(' ')[0] ?? '') || null,
  oldest_ms: () => (NOW_S - 600) * 1000,
};
/** Looks again at once. */
const clock: Clock = { ...systemClock, sleep: async () => {} };

/** Reads until nothing has come for `quiet` looks. @param atEnd called whenever the end is reached, with how often it was */
async function read(tail: LogTail, atEnd: (times: number) => void = () => {}, quiet = 1): Promise<string[]> {
  const stop = new AbortController();
  const found: string[] = [];
  let ends = 0;
  for await (const text of tail.lines(stop.signal)) {
    if (text !== null) found.push(`${text}\n`);
    else {
      atEnd(ends++);
      if (ends > quiet) stop.abort();
    }
  }
  return found;
}

describe('a log that is cut', () => {
  it('and grows past where it was within one look is read from its new beginning, and counted', async () => {
    const before = Array.from({ length: 20 }, (_, i) => line(i));
    const after = Array.from({ length: 50 }, (_, i) => line(100 + i));
    writeFileSync(log, before.join(''));
    const tail = new LogTail(log, clock);
    const found = await read(tail, (times) => {
      if (times > 0) return;
      truncateSync(log, 0);
      appendFileSync(log, after.join(''));
    });
    expect(found).toEqual([...before, ...after]);
    expect(tail.losses()).toMatchObject({ log_truncated: 1, line_too_long: 0 });
  });

  it('is not one that grows', async () => {
    writeFileSync(log, '');
    const tail = new LogTail(log, clock);
    const found = await read(tail, (times) => times < 30 && appendFileSync(log, line(times)), 31);
    expect(found).toHaveLength(30);
    expect(tail.losses().log_truncated).toBe(0);
  });
});

describe('a log that is there at the start', () => {
  it('is begun a little before the lines that still count, however long it is', async () => {
    const seconds = Array.from({ length: 86_400 }, (_, i) => i - 86_400);
    writeFileSync(log, seconds.map((second) => line(second, `sshd[${second % 7}]: a line of some length`)).join(''));
    const found = await read(new LogTail(log, clock, since));
    const [first = ''] = found;
    expect(Date.parse(first.slice(0, 24))).toBeLessThanOrEqual(since.oldest_ms());
    expect(found.length).toBeGreaterThan(600);
    expect(found.length).toBeLessThan(2000);
    expect(found.at(-1)).toMatch(/^2026-11-21T11:59:59/);
  });

  it.each(['auth.log.1', 'auth.log-20261121'])('and was rotated a short while ago is begun in %s', async (name) => {
    const lines = [-5000, -500, -400].map((second) => line(second));
    writeFileSync(join(log, '..', name), lines.join(''));
    writeFileSync(log, line(-300));
    expect(await read(new LogTail(log, clock, since))).toEqual([...lines, line(-300)]);
  });

  it('is not begun in what was rotated before its lines count, nor in what is compressed or of another log', async () => {
    for (const name of ['auth.log.1', 'auth.log.2', 'auth.log-20261120.gz', 'auth.log.1.gz', 'auth.log-old']) {
      writeFileSync(join(log, '..', name), line(-1000));
      if (name === 'auth.log.1') utimesSync(join(log, '..', name), NOW_S - 1000, NOW_S - 1000);
    }
    writeFileSync(log, line(-300));
    const tail = new LogTail(log, clock, since);
    expect(await read(tail)).toEqual([line(-300)]);
    expect(tail.losses().rotated_log_unread).toBe(0);
  });

  it('and was rotated into what cannot be read says so', async () => {
    mkdirSync(`${log}.1`);
    writeFileSync(log, line(-300));
    const tail = new LogTail(log, clock, since);
    expect(await read(tail)).toEqual([line(-300)]);
    expect(tail.losses().rotated_log_unread).toBe(1);
  });

  it('or is not, and has no folder either, is waited for', async () => {
    const tail = new LogTail(join(log, 'none', 'auth.log'), clock, since);
    expect(await read(tail)).toEqual([]);
    expect(tail.losses().rotated_log_unread).toBe(0);
  });
});
