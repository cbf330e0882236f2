/** Windows a second and latency of `vigia serve`, with all that it does in use, beside the Flask stand-in in alternate rounds. */
import { collectorPost } from './collector-post.ts';
import { type Load, load, type Shape, type Target } from './load.ts';
import { postBody } from './made-posts.ts';
import { withPeer } from './peer.ts';
import { trainDefault, withServedEdge, withStateDir } from './served-edge.ts';
import { median, rounded, spread_percent } from './statistics.ts';

const ROUNDS = 3;
const SECONDS = 3;
const CONNECTIONS = 16;

interface Row {
  readonly name: string;
  readonly connections: number;
  readonly windows: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Windows from `number` on, that were not posted before. */
  body(number: number): string | Uint8Array;
  /** Of the peer, which takes other fields and no identity; null: it takes no such post. */
  readonly peerBody: string | null;
}

const ORIGIN = { host: 'bench', group: 'default' };
const FLAT = JSON.stringify({
  packets_per_second: 82.5,
  bytes_per_second: 61_234,
  unique_ips: 7,
  unique_ports: 5,
  tcp_packets: 61,
  udp_packets: 14,
  syn_packets: 24,
});

/** What is measured; another form of a post is another row. */
const ROWS: readonly Row[] = [
  { name: 'one after another', connections: 1, windows: 1, body: (n) => postBody(ORIGIN, n, 1), peerBody: FLAT },
  {
    name: '1 window a post',
    connections: CONNECTIONS,
    windows: 1,
    body: (n) => postBody(ORIGIN, n, 1),
    peerBody: FLAT,
  },
  {
    name: "a collector's post",
    connections: CONNECTIONS,
    windows: 2,
    headers: { 'content-encoding': 'gzip' },
    body: (n) => collectorPost(ORIGIN, n, 2),
    peerBody: null,
  },
  {
    name: '100 windows a post',
    connections: CONNECTIONS,
    windows: 100,
    body: (n) => postBody(ORIGIN, n, 100),
    peerBody: `[${Array(100).fill(FLAT).join()}]`,
  },
];

/** Rounds of each server in turn, so that what else the machine does meets both. */
async function measure(row: Row, targets: readonly Target[], rounds: number, seconds: number): Promise<Load[][]> {
  const measured: Load[][] = targets.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, target] of targets.entries())
      measured[i]?.push(
        await load(
          { ...target, headers: { ...target.headers, ...(i === 0 && row.headers) } },
          shapeOf(row, i === 0),
          seconds,
        ),
      );
  return measured;
}

/** The first windows of a host have none before them. */
let posted = 1000;
function shapeOf(row: Row, isVigia: boolean): Shape {
  const { connections, windows } = row;
  const body = (): string | Uint8Array => {
    posted += windows;
    return isVigia ? row.body(posted) : (row.peerBody ?? '');
  };
  return { connections, windows, body };
}

const of = (loads: readonly Load[], figure: keyof Load): number => rounded(median(loads.map((load) => load[figure])));

function told(row: Row, target: Target, loads: readonly Load[]) {
  return {
    post: row.name,
    of: target.name,
    'windows/s': of(loads, 'windowsPerSecond'),
    '±%': Math.round(spread_percent(loads.map(({ windowsPerSecond }) => windowsPerSecond))),
    p50_ms: of(loads, 'p50_ms'),
    p99_ms: of(loads, 'p99_ms'),
    max_ms: rounded(Math.max(...loads.map(({ max_ms }) => max_ms))),
    cpu_us_per_post: of(loads, 'cpu_us_per_post'),
    cpu_us_per_window: rounded(of(loads, 'cpu_us_per_post') / row.windows),
  };
}

export async function throughput(rounds: number, seconds: number) {
  return withStateDir((stateDir) =>
    withServedEdge(stateDir, async (edge) => {
      await trainDefault(edge);
      return withPeer(async (peer) => {
        const vigia: Target = {
          name: 'vigia serve',
          url: `${edge.url}/detect`,
          headers: edge.headers,
          pids: () => [edge.pid()],
        };
        const rows: ReturnType<typeof told>[] = [];
        const ratios: { post: string; 'windows/s': number; p50: number; p99: number; cpu: number }[] = [];
        for (const row of ROWS) {
          const targets = peer === null || row.peerBody === null ? [vigia] : [vigia, peer];
          const [own = [], others = []] = await measure(row, targets, rounds, seconds);
          rows.push(told(row, vigia, own));
          if (peer === null || others.length === 0) continue;
          rows.push(told(row, peer, others));
          const ratio = (figure: keyof Load): number => rounded(of(own, figure) / of(others, figure));
          ratios.push({
            post: row.name,
            'windows/s': ratio('windowsPerSecond'),
            p50: ratio('p50_ms'),
            p99: ratio('p99_ms'),
            cpu: ratio('cpu_us_per_post'),
          });
        }
        return { rows, ratios };
      });
    }),
  );
}

export async function benchmark(): Promise<unknown> {
  console.log(
    `${ROUNDS} rounds of ${SECONDS} s each in turn, ${CONNECTIONS} connections; medians of the rounds. vigia serve checks tokens, fields` +
      ' and limits, judges by rules and models, counts, and has each window on disk before it answers; the stand-in only judges.',
  );
  const { rows, ratios } = await throughput(ROUNDS, SECONDS);
  console.table(rows);
  if (ratios.length > 0) {
    console.log('vigia serve / Flask stand-in:');
    console.table(ratios);
  }
  return { rows, ratios };
}
