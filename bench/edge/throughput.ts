/** Windows a second and latency of `vigia serve`, with all that it does in use, beside the Flask stand-in in alternate rounds. */
import { encodeColumns } from '../../contract/columns/encode.ts';
import { COLUMNS_MEDIA_TYPE } from '../../contract/columns/format.ts';
import { collectorPost } from './collector-post.ts';
import { type Load, load, type Shape, type Target } from './load.ts';
import { ordinaryWindow, postBody } from './made-posts.ts';
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
  readonly postsPerSecond: number;
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
const FLAT_100 = `[${Array(100).fill(FLAT).join()}]`;

const single = { windows: 1, body: (n: number) => postBody(ORIGIN, n, 1), peerBody: FLAT };
const hundred = { connections: CONNECTIONS, windows: 100, postsPerSecond: 1500, peerBody: FLAT_100 };
const windows = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ordinaryWindow(ORIGIN, from + i));

/** What is measured; another form of a post is another row. */
const ROWS: readonly Row[] = [
  { ...single, name: 'one after another', connections: 1, postsPerSecond: 5000 },
  { ...single, name: '1 window a post', connections: CONNECTIONS, postsPerSecond: 12_000 },
  {
    name: "a collector's post",
    connections: CONNECTIONS,
    windows: 2,
    postsPerSecond: 4000,
    headers: { 'content-encoding': 'gzip' },
    body: (n) => collectorPost(ORIGIN, n, 2),
    peerBody: null,
  },
  { ...hundred, name: '100 windows a post', body: (n) => postBody(ORIGIN, n, 100) },
  {
    ...hundred,
    name: '100 windows by columns',
    headers: { 'content-type': COLUMNS_MEDIA_TYPE },
    body: (n) => encodeColumns(windows(n, 100), []),
  },
];

interface Server extends Target {
  /** Takes what a collector posts. */
  readonly isEdge: boolean;
}

/** Rounds of each server in turn, so that what else the machine does meets all. */
async function measure(row: Row, servers: readonly Server[], rounds: number, seconds: number): Promise<Load[][]> {
  const measured: Load[][] = servers.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, server] of servers.entries()) {
      const target = server.isEdge ? { ...server, headers: { ...server.headers, ...row.headers } } : server;
      measured[i]?.push(await load(target, shapeOf(row, server), seconds));
    }
  return measured;
}

/** The first windows of a host have none before them. */
let posted = 1000;
function shapeOf(row: Row, { isEdge }: Server): Shape {
  const { connections, windows } = row;
  const postsPerSecond = isEdge ? row.postsPerSecond : 1;
  const body = (): string | Uint8Array => {
    posted += windows;
    return isEdge ? row.body(posted) : (row.peerBody ?? '');
  };
  return { connections, windows, postsPerSecond, body };
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

/** Runs `use` with edges of one process and of two that answer the port, trained. */
function withEdges<T>(use: (edges: Server[]) => Promise<T>): Promise<T> {
  const withEdge = <R>(processes: number, then: (edge: Server) => Promise<R>): Promise<R> =>
    withStateDir((stateDir) =>
      withServedEdge(
        stateDir,
        async (edge) => {
          await trainDefault(edge);
          const name = processes === 1 ? 'vigia serve' : `vigia serve --processes ${processes}`;
          return then({ name, url: `${edge.url}/detect`, headers: edge.headers, pids: edge.pids, isEdge: true });
        },
        { processes },
      ),
    );
  return withEdge(1, (one) => withEdge(2, (two) => use([one, two])));
}

interface Ratio {
  readonly post: string;
  readonly of: string;
  readonly 'windows/s': number;
  readonly p50: number;
  readonly p99: number;
  readonly cpu: number;
}

export async function throughput(rounds: number, seconds: number) {
  return withEdges((edges) =>
    withPeer(async (peer) => {
      const rows: ReturnType<typeof told>[] = [];
      const ratios: Ratio[] = [];
      for (const row of ROWS) {
        const servers = peer === null || row.peerBody === null ? edges : [...edges, { ...peer, isEdge: false }];
        const loads = await measure(row, servers, rounds, seconds);
        for (const [i, server] of servers.entries()) rows.push(told(row, server, loads[i] ?? []));
        const others = loads[edges.length];
        if (others === undefined) continue;
        for (const [i, { name }] of edges.entries()) {
          const ratio = (figure: keyof Load): number => rounded(of(loads[i] ?? [], figure) / of(others, figure));
          const [p50, p99, cpu] = [ratio('p50_ms'), ratio('p99_ms'), ratio('cpu_us_per_post')];
          ratios.push({ post: row.name, of: name, 'windows/s': ratio('windowsPerSecond'), p50, p99, cpu });
        }
      }
      return { rows, ratios };
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
    console.log('divided by the Flask stand-in:');
    console.table(ratios);
  }
  return { rows, ratios };
}
