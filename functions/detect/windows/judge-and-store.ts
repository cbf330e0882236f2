/** Judges posts and makes their alerts and windows durable, all that wait at the same moment together. */
import type { NetworkWindow } from '../../../contract/network-window.ts';
import type { Result } from '../../../contract/result.ts';
import { joinRuns } from '../../../models/join-runs.ts';
import { judgeBatch } from '../../../models/judge.ts';
import type { Fleet } from '../../../models/votes.ts';
import { HttpProblem } from '../../http/problem.ts';
import type { Bindings } from '../bindings.ts';
import { alertOf } from '../incidents/alert.ts';
import type { Window } from '../read-request.ts';
import { deliverWindows, toPost } from './deliver-windows.ts';
import { type GroupCommit, OverloadedError } from './group-commit.ts';

/** What a post holds of one group. */
export interface Post {
  readonly group: string;
  /** The same on every retry. */
  readonly id: string;
  readonly windows: readonly Window[];
  readonly context: readonly NetworkWindow[];
  /** Stays loaded until the post is answered. */
  readonly fleet: Fleet | null;
}

type Outcome = PromiseSettledResult<Result[]>;

/**
 * The verdicts on a post, once it is durable.
 * @throws HttpProblem 503 where it could not be stored; whatever a model threw
 */
export async function judgeAndStore(
  post: Post,
  bindings: Bindings,
  commits: GroupCommit<Post, Result[]>,
): Promise<Result[]> {
  try {
    if (bindings.windowQueue === null) return await commits.commit(post, (posts) => doTogether(posts, bindings));
    // The Queue takes many at a time, each as long under way as all together.
    const [outcome] = await doTogether([post], bindings);
    if (outcome?.status !== 'fulfilled') throw outcome?.reason;
    return outcome.value;
  } catch (error) {
    throw error instanceof OverloadedError ? notStored(post.group, error) : error;
  }
}

async function doTogether(posts: readonly Post[], bindings: Bindings): Promise<Outcome[]> {
  const outcomes = await judgeTogether(posts, bindings);
  const judged = posts.flatMap((post, index) => {
    const outcome = outcomes[index];
    return outcome?.status === 'fulfilled' ? { post, index, results: outcome.value } : [];
  });
  const stored = [...Map.groupBy(judged, ({ post }) => post.group)].map(async ([group, own]) => {
    try {
      await store(group, own, bindings);
    } catch (error) {
      const reason = error instanceof HttpProblem ? error : notStored(group, error);
      for (const { index } of own) outcomes[index] = { status: 'rejected', reason };
    }
  });
  await Promise.all(stored);
  return outcomes;
}

/** Each post by itself, but for the runs of the models. */
function judgeTogether(posts: readonly Post[], { thresholds, alertBudget }: Bindings): Promise<Outcome[]> {
  const joined = new Map<Fleet, Fleet>();
  const joinedOf = (fleet: Fleet): Fleet => {
    let own = joined.get(fleet);
    if (own === undefined) {
      own = { manifest: fleet.manifest, run: joinRuns(fleet.run) };
      joined.set(fleet, own);
    }
    return own;
  };
  return Promise.allSettled(
    posts.map(({ windows, context, fleet }) =>
      judgeBatch({ windows, context, fleet: fleet && joinedOf(fleet), thresholds, alertBudget }),
    ),
  );
}

async function store(
  group: string,
  judged: readonly { readonly post: Post; readonly results: Result[] }[],
  bindings: Bindings,
): Promise<void> {
  const alerts = judged.flatMap(({ results }) => results.map(alertOf)).filter((alert) => alert !== null);
  const posts = judged.map(({ post, results }) => toPost(group, post.id, post.windows, results));
  await Promise.all([
    alerts.length > 0 ? bindings.incidents.getByName(group).report(group, alerts) : undefined,
    deliverWindows(group, posts, bindings),
  ]);
}

function notStored(group: string, cause: unknown): HttpProblem {
  console.error(JSON.stringify({ level: 'error', event: 'post_not_stored', group, message: String(cause) }));
  const detail = 'The post could not be stored. Post it again.';
  return new HttpProblem(503, detail, { headers: { 'retry-after': '5' } }, { cause });
}
