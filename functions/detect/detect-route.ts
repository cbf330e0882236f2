/** `POST /detect`: reads, judges, makes alerts and windows durable, and only then answers. */
import type { NetworkWindow } from '../../contract/network-window.ts';
import type { BulkAnswer, Result } from '../../contract/result.ts';
import { windowKey } from '../../contract/stored-window.ts';
import { judgeFlat } from '../../models/judge.ts';
import { HttpProblem } from '../http/problem.ts';
import { sha256Hex } from '../http/sha256.ts';
import { requireOwnWindows } from './authenticate.ts';
import { countResults, countUnknownFields } from './metrics/count-results.ts';
import { judgeByShadow } from './models/judge-by-shadow.ts';
import { readDetectRequest, type Window } from './read-request.ts';
import { type AppContext, bindingsOf, isolate, modelContext } from './services.ts';
import { judgeAndStore } from './windows/judge-and-store.ts';

/** Groups that one post may hold; a collector's holds one. */
const MAX_GROUPS = 16;
const MAX_KEY_CHARACTERS = 255;

export async function detect(c: AppContext): Promise<Response> {
  const request = await readDetectRequest(c.req.raw);
  if (request.kind === 'flat') {
    const group = c.get('access').group ?? 'default';
    const result = await isolate.models.withFleet(group, modelContext(c), (fleet) =>
      judgeFlat(request.flat, { fleet, ...settings(c) }),
    );
    countResults(isolate.metrics.tally, group, [request.flat], [result], isolate.models.lacks(group));
    countUnknownFields(isolate.metrics.tally, group, request.unknownFields);
    return json(JSON.stringify(result));
  }
  const { windows, context } = request;
  const access = c.get('access');
  requireOwnWindows(access, windows, 'windows');
  requireOwnWindows(access, context, 'context');
  const groups = splitByGroup(windows);
  const postId = identityOf(c.req.header('idempotency-key'), windows);
  const answerId = `${postId}${request.isBulk ? '/found' : ''}`;
  const known = isolate.answers.find(answerId);
  if (known !== undefined) return json(known);

  const results: Result[] = new Array(windows.length);
  for (const [group, members] of groups) {
    const own = context.filter((window) => window.group === group);
    const judged = await judgeGroup(c, group, members, own, postId);
    for (const [index, result] of judged.entries()) results[members[index]?.index ?? 0] = result;
    countResults(
      isolate.metrics.tally,
      group,
      members.map(({ window }) => window),
      judged,
      isolate.models.lacks(group),
    );
  }
  const [first = 'default'] = groups.keys();
  countUnknownFields(isolate.metrics.tally, first, request.unknownFields);
  const answer = JSON.stringify(request.isBulk ? foundIn(results) : { results });
  isolate.answers.keep(answerId, answer);
  return json(answer);
}

interface Member {
  readonly index: number;
  readonly window: Window;
}

async function judgeGroup(
  c: AppContext,
  group: string,
  members: readonly Member[],
  context: NetworkWindow[],
  postId: string,
): Promise<Result[]> {
  const bindings = bindingsOf(c.env);
  const windows = members.map(({ window }) => window);
  const results = await isolate.models.withFleet(group, modelContext(c), (fleet) =>
    judgeAndStore({ group, id: postId, windows, context, fleet }, bindings, isolate.commits),
  );
  judgeByShadow(c, group, { windows, context, ...settings(c) }, results);
  return results;
}

function foundIn(results: readonly Result[]): BulkAnswer {
  const found: BulkAnswer['found'] = [];
  for (const [index, result] of results.entries())
    if (result.threat_detected || result.explanation.notes.length > 0) found.push({ index, result });
  return { judged: results.length, found };
}

function settings(c: AppContext): { thresholds: ReturnType<typeof bindingsOf>['thresholds']; alertBudget: number } {
  const { thresholds, alertBudget } = bindingsOf(c.env);
  return { thresholds, alertBudget };
}

function splitByGroup(windows: readonly Window[]): Map<string, Member[]> {
  const groups = new Map<string, Member[]>();
  for (const [index, window] of windows.entries()) {
    const members = groups.get(window.group);
    if (members === undefined) groups.set(window.group, [{ index, window }]);
    else members.push({ index, window });
  }
  if (groups.size > MAX_GROUPS)
    throw new HttpProblem(400, `A post holds windows of at most ${MAX_GROUPS} groups.`, {
      errors: [{ path: 'windows', message: `holds ${groups.size} groups` }],
    });
  return groups;
}

/**
 * The same on every retry: of the client's key and the windows' ids, so that a key used
 * again for other windows cannot make those disappear.
 */
function identityOf(key: string | undefined, windows: readonly Window[]): string {
  if (key !== undefined && key.length > MAX_KEY_CHARACTERS)
    throw new HttpProblem(400, `Idempotency-Key is longer than ${MAX_KEY_CHARACTERS} characters.`);
  return sha256Hex(`${key ?? ''}\n${windows.map((window) => `${window.group}/${windowKey(window)}`).join('\n')}`);
}

function json(body: string): Response {
  return new Response(body, { headers: { 'content-type': 'application/json' } });
}
