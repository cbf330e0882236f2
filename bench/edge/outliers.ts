/** Single posts that take five times the median and more: how many, and what held each up. */
import { watch } from 'node:fs';
import { join } from 'node:path';
import { type BareWorkerd, withLauncher } from './bare-workerd.ts';
import { lineByLine, type Pause, pauseOf } from './gc-log.ts';
import { KeepAlive, type Timed } from './keep-alive.ts';
import { postBody } from './made-posts.ts';
import { threadTimes } from './process-times.ts';
import { bearer, trainDefault, VARIABLES, withStateDir } from './served-edge.ts';
import { CAUSES, type Cause, causeOf, type Happened, type Look } from './slow-posts.ts';
import { quantile, rounded } from './statistics.ts';

const SECONDS = 12;
const SLOW = 5;
const LOOK_EVERY_MS = 5;
/** Code is compiled and memory grows for so long. */
const WARM_SECONDS = 3;

export interface Experiment {
  readonly name: string;
  readonly connections: number;
  /** Where the state stands; undefined: on disk. */
  readonly below?: string;
  readonly body: (number: number) => string;
}

const stored = (n: number): string => postBody({ host: 'bench', group: 'default' }, n, 1);
const flat = (): string => JSON.stringify({ packets_per_second: 82.5, bytes_per_second: 61_234, unique_ports: 5 });

const EXPERIMENTS: readonly Experiment[] = [
  { name: 'stored on disk, one at a time', connections: 1, body: stored },
  { name: 'stored in memory, one at a time', connections: 1, below: '/dev/shm', body: stored },
  { name: 'nothing stored, one at a time', connections: 1, body: flat },
  { name: 'stored on disk, eight at once', connections: 8, body: stored },
];

export interface Outliers {
  readonly name: string;
  readonly posts: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  readonly slow: number;
  readonly causes: Readonly<Record<Cause, number>>;
  readonly pauses: readonly Pause[];
}

export async function outliers(experiment: Experiment, seconds: number, warm_seconds: number): Promise<Outliers> {
  const headers = await bearer();
  const pauses: Pause[] = [];
  const log = (line: string): void => {
    const pause = pauseOf(line, performance.now());
    if (pause !== null) pauses.push(pause);
  };
  const vars = { ...VARIABLES, ...lineByLine() };
  const measured = await withStateDir(
    (stateDir) =>
      withLauncher(
        stateDir,
        vars,
        ({ run }) =>
          run(async (workerd) => {
            await trainDefault({ url: workerd.url, headers });
            return watched(workerd, stateDir, () => timed(workerd.url, headers, experiment, seconds, warm_seconds));
          }),
        { v8Flags: ['--trace-gc'], log },
      ),
    experiment.below,
  );
  return explained(experiment.name, measured.posts, {
    ...measured.happened,
    pauses,
    answers_ms: measured.posts.map(({ began_ms, took_ms }) => began_ms + took_ms),
  });
}

async function timed(
  url: string,
  headers: Readonly<Record<string, string>>,
  { connections, body }: Experiment,
  seconds: number,
  warm_seconds: number,
): Promise<Timed[]> {
  const client = new KeepAlive(`${url}/detect`, headers, connections);
  const posts: Timed[] = [];
  const warm_ms = performance.now() + 1000 * warm_seconds;
  const until_ms = warm_ms + 1000 * seconds;
  let number = 1_000_000;
  const one = async (): Promise<void> => {
    while (performance.now() < until_ms) {
      const post = await client.post(body(number++));
      if (post.status !== 200) throw new Error(`${post.status} ${post.text}`);
      if (post.began_ms > warm_ms) posts.push(post);
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, one));
  } finally {
    client.close();
  }
  return posts;
}

/** Looks at workerd's first thread, at its bucket and at the own clock while `work` runs. */
async function watched(
  { pid }: BareWorkerd,
  stateDir: string,
  work: () => Promise<Timed[]>,
): Promise<{ posts: Timed[]; happened: Pick<Happened, 'looks' | 'bucketWrites_ms'> }> {
  const looks: Look[] = [];
  const bucketWrites_ms: number[] = [];
  const bucket = watch(join(stateDir, 'objects/vigia-Bucket'), () => bucketWrites_ms.push(performance.now()));
  let due_ms = performance.now() + LOOK_EVERY_MS;
  const looking = setInterval(() => {
    const at_ms = performance.now();
    // A millisecond is what timers are off by when nothing is wrong.
    looks.push({ at_ms, late_ms: Math.max(0, at_ms - due_ms - 1), ...threadTimes(pid) });
    due_ms = at_ms + LOOK_EVERY_MS;
  }, LOOK_EVERY_MS);
  try {
    return { posts: await work(), happened: { looks, bucketWrites_ms } };
  } finally {
    clearInterval(looking);
    bucket.close();
  }
}

function explained(name: string, posts: readonly Timed[], happened: Happened): Outliers {
  const times = posts.map(({ took_ms }) => took_ms);
  const p50_ms = quantile(times, 0.5);
  const slow = posts.filter(({ took_ms }) => took_ms > SLOW * p50_ms);
  const causes = Object.fromEntries(CAUSES.map((cause) => [cause, 0])) as Record<Cause, number>;
  for (const { began_ms, took_ms } of slow)
    causes[causeOf({ began_ms, took_ms, excess_ms: took_ms - p50_ms }, happened)]++;
  const [p99_ms, max_ms] = [quantile(times, 0.99), Math.max(...times)];
  const since_ms = posts[0]?.began_ms ?? 0;
  const pauses = happened.pauses.filter(({ ended_ms }) => ended_ms > since_ms);
  return { name, posts: posts.length, p50_ms, p99_ms, max_ms, slow: slow.length, causes, pauses };
}

const told = ({ name, posts, p50_ms, p99_ms, max_ms, slow, pauses }: Outliers) => {
  const of = (kind: Pause['kind']): string => {
    const took = pauses.filter((pause) => pause.kind === kind).map(({ took_ms }) => took_ms);
    return took.length === 0
      ? 'none'
      : `${took.length}, p50 ${rounded(quantile(took, 0.5))}, max ${rounded(Math.max(...took))} ms`;
  };
  return {
    posts: name,
    count: posts,
    p50_ms: rounded(p50_ms),
    p99_ms: rounded(p99_ms),
    max_ms: rounded(max_ms),
    slow,
    'major pauses': of('major'),
    'minor pauses': of('minor'),
  };
};

export async function benchmark(): Promise<unknown> {
  console.log(`${SECONDS} s each after ${WARM_SECONDS} s of warming up; slow: more than ${SLOW} times the median`);
  const found: Outliers[] = [];
  for (const experiment of EXPERIMENTS) found.push(await outliers(experiment, SECONDS, WARM_SECONDS));
  console.table(found.map(told));
  console.log('What held up the slow ones:');
  console.table(
    CAUSES.map((cause) => ({
      cause,
      ...Object.fromEntries(found.map(({ name, causes }) => [name, causes[cause]])),
    })),
  );
  return found.map(({ pauses: _, ...rest }) => rest);
}
