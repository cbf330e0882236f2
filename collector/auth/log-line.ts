/** Reads the head of a line of syslog, journal or a daemon's own log: when, which host, which program. */
import type { LogLine } from './event.ts';

export interface ReadOptions {
  /** Now: gives a year to times that have none. */
  readonly now_ms: number;
  /** Minutes east of UTC of times that name no zone. */
  readonly zone_offset_min: number;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAY_MS = 86_400_000;
/** Longer lines are cut: a login's is a few hundred characters. */
export const LONGEST_LINE = 8192;

const PRIORITY = /^<\d{1,3}>/;
/** RFC 5424, section 6: version, time, host, app, process, message id, structured data. */
const RFC5424 = /^1 (\S+) (\S+) (\S+) (\S+) (\S+) (?:-|((?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+)) ?/;
/** RFC 3164, section 4.1.2, with the fraction that rsyslog may add; some daemons put the weekday before and the year after. */
const RFC3164 =
  /^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?: (\d{4}))? /;
/** RFC 3339, with a blank for the T, and the zone left out, where a daemon writes it so. */
const ISO = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)? /;
/** May begin the message of RFC 5424, section 6.4. */
const BYTE_ORDER_MARK = /^\uFEFF/;
/** TAI64N, as multilog writes it: seconds since 1970 above 2^62, and nanoseconds. */
const TAI64N = /^@4([0-9a-f]{15})([0-9a-f]{8}) /;
/** A vsftpd of its own log has no program, and its process in brackets. */
const PROCESS = /^\[pid (\d+)\] /;

/** Never throws: a line without a head is a message of no program. */
export function readLogLine(raw: string, options: ReadOptions): LogLine {
  const line = raw.slice(0, LONGEST_LINE).replace(PRIORITY, '').replace(/\r$/, '');
  const structured = RFC5424.exec(line);
  if (structured) {
    const [head, time = '', host = '', app = '', process = ''] = structured;
    const at = Date.parse(time);
    const known = (text: string): string | null => (text === '-' ? null : text);
    return {
      time_ms: Number.isNaN(at) ? null : at,
      host: known(host),
      program: known(app) ?? '',
      tag: app,
      pid: known(process),
      message: line.slice(head.length).replace(BYTE_ORDER_MARK, ''),
    };
  }
  const { time_ms, rest } = readTime(line, options);
  return { time_ms, ...readTag(rest) };
}

function readTime(line: string, options: ReadOptions): { time_ms: number | null; rest: string } {
  const plain = RFC3164.exec(line);
  if (plain) return { time_ms: plainTime(plain, options), rest: line.slice(plain[0].length) };
  const iso = ISO.exec(line);
  if (iso) return { time_ms: isoTime(iso, options), rest: line.slice(iso[0].length) };
  const tai = TAI64N.exec(line);
  if (!tai) return { time_ms: null, rest: line };
  const [head, seconds = '0', nanoseconds = '0'] = tai;
  const time_ms = Number.parseInt(seconds, 16) * 1000 + Math.floor(Number.parseInt(nanoseconds, 16) / 1e6);
  return { time_ms, rest: line.slice(head.length) };
}

/** A day of the year that is more than a day ahead was last year: logs are read late, never early. */
function plainTime(found: RegExpExecArray, { now_ms, zone_offset_min }: ReadOptions): number | null {
  const [, name = '', day = '', hours = '', minutes = '', seconds = '', fraction = '', written] = found;
  const month = MONTHS.indexOf(name);
  const [d, h, m, s] = [day, hours, minutes, seconds].map(Number) as [number, number, number, number];
  if (month < 0 || h > 23 || m > 59 || s > 60) return null;
  const inYear = (year: number): number | null => {
    const at = Date.UTC(year, month, d, h, m, s);
    if (new Date(Date.UTC(year, month, d)).getUTCDate() !== d) return null;
    return at - zone_offset_min * 60_000 + milliseconds(fraction);
  };
  if (written !== undefined) return inYear(Number(written));
  const year = new Date(now_ms).getUTCFullYear();
  // The 29th of February is found in the last leap year; four years back is the most that can be (eight around 2100).
  for (let back = -1; back <= 8; back++) {
    const at = inYear(year - back);
    if (at !== null && at <= now_ms + DAY_MS) return at;
  }
  return null;
}

function isoTime([, day, time, fraction = '', zone]: RegExpExecArray, { zone_offset_min }: ReadOptions): number | null {
  const at = Date.parse(`${day}T${time}Z`);
  if (Number.isNaN(at)) return null;
  return at - zoneMinutes(zone, zone_offset_min) * 60_000 + milliseconds(fraction);
}

function zoneMinutes(zone: string | undefined, assumed: number): number {
  if (zone === undefined) return assumed;
  if (zone === 'Z') return 0;
  const digits = zone.replace(':', '').slice(1);
  return (zone[0] === '-' ? -1 : 1) * (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2)));
}

const milliseconds = (fraction: string): number => Number(fraction.padEnd(3, '0').slice(0, 3));

/** `host program[pid]: message`, each part but the message optional. */
function readTag(rest: string): Omit<LogLine, 'time_ms'> {
  const process = PROCESS.exec(rest);
  if (process)
    return { host: null, program: 'vsftpd', tag: '', pid: process[1] ?? null, message: rest.slice(process[0].length) };
  const [first = '', ...others] = tokens(rest, 2);
  if (isTag(first)) return tagged(null, first, rest.slice(first.length));
  const [second = ''] = others;
  if (isTag(second)) return tagged(first, second, rest.slice(rest.indexOf(second, first.length) + second.length));
  return { host: null, program: '', tag: '', pid: null, message: rest };
}

const isTag = (token: string): boolean => /^\[?[A-Za-z/][\w./-]*/.test(token) && /[:\]]$/.test(token);

function tagged(host: string | null, tag: string, after: string): Omit<LogLine, 'time_ms'> {
  const bare = tag.replace(/:$/, '');
  const [, program = ''] = /^\[?([A-Za-z/][\w./-]*)/.exec(bare) ?? [];
  const [, pid = null] = /\[(\d+)\]$/.exec(bare) ?? [];
  return {
    host,
    program: program.slice(program.lastIndexOf('/') + 1),
    tag: bare,
    pid,
    message: after.trimStart(),
  };
}

/** The first words, without splitting the whole line. */
function tokens(text: string, most: number): string[] {
  const found: string[] = [];
  let from = 0;
  while (found.length < most) {
    const to = text.indexOf(' ', from);
    if (to < 0) return [...found, text.slice(from)];
    if (to > from) found.push(text.slice(from, to));
    from = to + 1;
  }
  return found;
}
