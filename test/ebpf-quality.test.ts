/** Latency, jitter and loss: what each segment tells, by both readings. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newFrame } from '../collector/capture/frame.ts';
import { Packet } from '../collector/window/packet.ts';
import { noQuality, type QualityCounts, qualityOf } from '../collector/window/quality.ts';
import { RoundTrips } from '../collector/window/round-trips.ts';
import { ACK, Bench, type Direction, ethernet, ipv4, RST, SYN, TCP, tcp } from './ebpf-frames.ts';
import { missing, named } from './ebpf-machine.ts';

const FULL = 1448;
const AFTER_FIRST = 1 + FULL;
const AFTER_BOTH = 1 + 2 * FULL;

interface Segment {
  at_ms: number;
  direction: Direction;
  flags: number;
  sequence: number;
  payload: number;
  acknowledgement: number;
  sack: [number, number][];
}

const sent = (at_ms: number, sequence: number, payload = FULL, flags = ACK): Segment => ({
  ...{ at_ms, direction: 'out', flags, sequence, payload, acknowledgement: 1, sack: [] },
});
const answered = (at_ms: number, acknowledgement: number, sack: [number, number][] = [], flags = ACK): Segment => ({
  ...{ at_ms, direction: 'in', flags, sequence: 1, payload: 0, acknowledgement, sack },
});
/** Two full segments from 1 on, one close behind the other, so that the first is timed. */
const PAIR = [sent(0, 1), sent(0, AFTER_FIRST)];

interface Expected {
  /** Samples of the round trip. */
  rtt_ms?: number[];
  sent: number;
  resent?: number;
  followed?: number;
  needless?: number;
}

/** A round trip of a millisecond, then so many of 20. */
const LONGER = 64;
const longer = [...Array(LONGER + 1).keys()].flatMap((i) => {
  const [at_ms, sequence] = [22 * i, 1 + 2 * FULL * i];
  return [
    ...[sent(at_ms, sequence), sent(at_ms, sequence + FULL)],
    answered(at_ms + (i === 0 ? 1 : 20), sequence + 2 * FULL),
  ];
});
const AFTER_LONGER = 1 + 2 * FULL * (LONGER + 1);
const LONGER_MS = 22 * (LONGER + 1);

const SCENARIOS: [claim: string, segments: Segment[], expected: Expected][] = [
  ['an acknowledged pair of full segments is a sample', [...PAIR, answered(30, AFTER_BOTH)], { rtt_ms: [30], sent: 2 }],
  ['a selective acknowledgement is one too', [...PAIR, answered(30, 1, [[1, AFTER_BOTH]])], { rtt_ms: [30], sent: 2 }],
  [
    'a lone segment is none, since its acknowledgement may be delayed',
    [sent(0, 1), answered(40, AFTER_FIRST)],
    { sent: 1 },
  ],
  [
    'nor is one with another 20 ms behind it',
    [sent(0, 1), sent(20, AFTER_FIRST, 100), answered(40, AFTER_BOTH)],
    { sent: 2 },
  ],
  ['nor are two small ones', [sent(0, 1, 100), sent(0, 101, 100), answered(40, 201)], { sent: 2 }],
  ['nor is an acknowledgement of less', [...PAIR, answered(30, AFTER_FIRST - 1)], { sent: 2 }],
  ['a connection that we open is one', [sent(0, 0, 0, SYN), answered(25, 1, [], SYN | ACK)], { rtt_ms: [25], sent: 0 }],
  ['one that others open is none', [answered(0, 0, [], SYN), sent(0, 9, 0, SYN | ACK), answered(25, 10)], { sent: 0 }],
  [
    'a SYN that is sent again is none (Karn), and no loss: the other side may just not be there',
    [sent(0, 0, 0, SYN), sent(30, 0, 0, SYN), answered(40, 1, [], SYN | ACK)],
    { sent: 0 },
  ],
  [
    'a segment that is sent again is none, but a loss',
    [...PAIR, answered(20, 1), sent(30, 1), answered(50, AFTER_BOTH)],
    { sent: 3, resent: 1 },
  ],
  [
    'what stood behind a segment that is sent again counts by a selective acknowledgement',
    [
      ...[sent(0, 1), sent(5, AFTER_FIRST), sent(5, AFTER_BOTH), answered(20, 1), sent(25, 1)],
      answered(50, 1, [[AFTER_FIRST, AFTER_BOTH]]),
    ],
    { rtt_ms: [45], sent: 4, resent: 1 },
  ],
  [
    'and not by one for all',
    [
      ...[sent(0, 1), sent(5, AFTER_FIRST), sent(5, AFTER_BOTH), answered(20, 1), sent(25, 1)],
      answered(50, AFTER_BOTH + FULL),
    ],
    { sent: 4, resent: 1 },
  ],
  ['a segment that was overtaken on its way to us is not lost', [sent(0, AFTER_FIRST), sent(1, 1)], { sent: 2 }],
  [
    'a port that a peer connects from anew begins another connection, whose numbers may be lower',
    [
      ...PAIR,
      ...[sent(100, -5000, 0, SYN | ACK), sent(101, -4999), sent(101, -4999 + FULL)],
      answered(131, -4999 + 2 * FULL),
    ],
    { rtt_ms: [30], sent: 4 },
  ],
  [
    'an answer to a SYN makes nothing known, and begins nothing when it is sent again',
    [
      ...[sent(0, 0, 0, SYN | ACK), sent(1, 1), sent(1, AFTER_FIRST), answered(31, AFTER_BOTH)],
      ...[sent(100, -5000, 0, SYN | ACK), sent(140, -5000, 0, SYN | ACK), sent(150, -4999)],
      ...[sent(150, -4999 + FULL), answered(180, -4999 + 2 * FULL)],
    ],
    { rtt_ms: [30, 30], sent: 4 },
  ],
  ['one that nobody answered for a while is', [sent(0, 1), sent(40, 1)], { sent: 2, resent: 1 }],
  [
    'an answer sooner than any round trip is to the first sending: it was not lost',
    [
      ...[...PAIR, answered(40, AFTER_BOTH), sent(50, AFTER_BOTH), answered(85, AFTER_BOTH), sent(90, AFTER_BOTH)],
      answered(100, AFTER_BOTH + FULL),
    ],
    { rtt_ms: [40], sent: 4, resent: 1, followed: 1, needless: 1 },
  ],
  [
    'so it is where the answer says that it came twice (RFC 2883)',
    [
      ...[...PAIR, answered(40, AFTER_BOTH), sent(50, AFTER_BOTH), sent(120, AFTER_BOTH)],
      answered(165, AFTER_BOTH + FULL, [[AFTER_BOTH, AFTER_BOTH + FULL]]),
    ],
    { rtt_ms: [40], sent: 4, resent: 1, followed: 1, needless: 1 },
  ],
  [
    'also on a path that has become longer, whatever its shortest round trip once was',
    [
      ...[...longer, sent(LONGER_MS, AFTER_LONGER), sent(LONGER_MS + 40, AFTER_LONGER)],
      answered(LONGER_MS + 46, AFTER_LONGER + FULL),
    ],
    { rtt_ms: [1, ...Array(LONGER).fill(20)], sent: 2 * LONGER + 4, resent: 1, followed: 1, needless: 1 },
  ],
  [
    'an answer after a round trip is to the second',
    [
      ...[...PAIR, answered(40, AFTER_BOTH), sent(50, AFTER_BOTH), sent(120, AFTER_BOTH)],
      answered(165, AFTER_BOTH + FULL),
    ],
    { rtt_ms: [40], sent: 4, resent: 1, followed: 1 },
  ],
  ['a reset tells nothing', [...PAIR, answered(30, AFTER_BOTH, [], ACK | RST)], { sent: 2 }],
  ['sequence numbers may wrap', [sent(0, 2 ** 32 - FULL), sent(0, 0), answered(30, FULL)], { rtt_ms: [30], sent: 2 }],
];

const HERE = '192.0.2.1';
const THERE = '198.51.100.2';

function frameOf({ direction, flags, payload, ...numbers }: Segment): Uint8Array {
  return direction === 'out'
    ? ethernet(0x0800, ipv4({ from: HERE, to: THERE, protocol: TCP }, tcp(443, 50_000, flags, payload, numbers)))
    : ethernet(0x0800, ipv4({ from: THERE, to: HERE, protocol: TCP }, tcp(50_000, 443, flags, payload, numbers)));
}

/** @param lateness_ms how much later than told a sample may have come */
function check(counts: QualityCounts, expected: Expected, lateness_ms: number): void {
  const { rtt_ms = [], resent = 0, followed = 0, needless = 0 } = expected;
  expect(counts).toMatchObject({
    rtt_samples: rtt_ms.length,
    segments_sent: expected.sent,
    segments_resent: resent,
    resent_followed: followed,
    resent_needless: needless,
  });
  const sum_ms = rtt_ms.reduce((sum, value) => sum + value, 0);
  expect(Math.abs(counts.rtt_sum_us / 1000 - sum_ms)).toBeLessThanOrEqual(lateness_ms * rtt_ms.length);
}

describe('what passes by tells of the path, to the capture reader', () => {
  it.each(SCENARIOS)('%s', (_, segments, expected) => {
    const packet = new Packet();
    const roundTrips = new RoundTrips();
    for (const segment of segments) {
      const data = frameOf(segment);
      packet.read({ ...newFrame(), data, end: data.length });
      roundTrips.add(packet, segment.direction === 'out', segment.at_ms * 1000);
    }
    check(roundTrips.counts, expected, 0);
  });
});

describe('the capture reader', () => {
  it('counts the connections that have no room any more, but not those long silent', () => {
    const packet = new Packet();
    const roundTrips = new RoundTrips();
    const frame = frameOf(sent(0, 1));
    const port = new DataView(frame.buffer, 14 + 20, 2);
    const send = (client: number, now_us: number) => {
      port.setUint16(0, client);
      packet.read({ ...newFrame(), data: frame, end: frame.length });
      roundTrips.add(packet, true, now_us);
    };
    for (let client = 1; client <= 40_000; client++) send(client, client);
    expect(roundTrips.evicted).toBe(40_000 - 32_768);
    for (let client = 40_001; client <= 50_000; client++) send(client, 200e6);
    expect(roundTrips.evicted).toBe(40_000 - 32_768);
  });
});

describe('a rate of loss', () => {
  it('leaves out the share that was sent again needlessly, and is null of fewer than 500 segments', () => {
    const counts = { ...noQuality(), segments_sent: 500, segments_resent: 50, resent_followed: 10, resent_needless: 5 };
    expect(qualityOf(counts).packet_loss_rate).toBeCloseTo(0.05);
    expect(qualityOf({ ...counts, segments_sent: 499 }).packet_loss_rate).toBeNull();
    const nothing = { avg_latency_ms: null, max_latency_ms: null, jitter_ms: null, packet_loss_rate: null };
    expect(qualityOf(noQuality())).toEqual(nothing);
  });
});

const unprivileged = missing();

describe.skipIf(unprivileged)(named('what passes by tells of the path, to the kernel', unprivileged), () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.close());

  // In real time: on a busy machine one frame may come too late.
  it.each(SCENARIOS)('%s', { retry: 5 }, async (_, segments, expected) => {
    const start_ms = performance.now();
    for (const segment of segments) {
      const due_ms = start_ms + segment.at_ms;
      // A timer may be early by a millisecond: the frames behind this one would then be waited for again, and be no longer close.
      while (performance.now() < due_ms) await delay(due_ms - performance.now());
      bench.send(segment.direction, frameOf(segment));
    }
    check(await bench.take(), expected, 15);
  });

  it('whoever has no room any more is counted', async () => {
    const frame = frameOf(sent(0, 1));
    const port = new DataView(frame.buffer, 14 + 20, 2);
    for (let client = 1; client <= 60_000; client++) {
      port.setUint16(0, client);
      bench.send('out', frame);
    }
    // 8,192 buckets of four sides each: chance fills some before others.
    const { flows_evicted } = await bench.take();
    expect(flows_evicted).toBeGreaterThan(60_000 - 32_768);
    expect(flows_evicted).toBeLessThan(60_000 - 0.9 * 32_768);
  });

  it('of a super-packet the last segment but one is timed', async () => {
    bench.send('out', frameOf(sent(0, 1, 3000)), { gso_size: 1000, gso_segs: 3 });
    await delay(20);
    bench.send('in', frameOf(answered(20, 2001)));
    check(await bench.take(), { rtt_ms: [20], sent: 3 }, 15);
  });
});
