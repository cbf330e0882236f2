/** A log that is followed: where it is begun, and that nothing of it is missed where it is cut. */
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { LogTail } from '../collector/auth/log-tail.ts';
import { clock, line, readLog as read, since } from './log-reading.ts';

const root = mkdtempSync(join(tmpdir(), 'vigia-log-'));
afterAll(() => rmSync(root, { recursive: true }));

let log: string;
beforeEach(() => {
  log = join(mkdtempSync(join(root, 'log-')), 'auth.log');
});

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

  it('or is not, and has no folder either, is waited for', async () => {
    const tail = new LogTail(join(log, 'none', 'auth.log'), clock, since);
    expect(await read(tail)).toEqual([]);
    expect(tail.losses().rotated_log_unread).toBe(0);
  });
});
