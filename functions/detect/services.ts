/** What the routes of one request work with: the checked environment, who asks, and the isolate's caches. */
import type { Context } from 'hono';
import { MAX_WINDOWS } from '../../contract/detect-request.ts';
import { groupName } from '../../contract/quantity.ts';
import type { Result } from '../../contract/result.ts';
import { HttpProblem } from '../http/problem.ts';
import { readPointer } from '../storage/current-pointer.ts';
import { readShadow } from '../storage/shadow-pointer.ts';
import { type Access, requireGroup } from './authenticate.ts';
import { type Bindings, checkBindings, type UncheckedBindings } from './bindings.ts';
import type { Incidents } from './incidents/incidents.ts';
import { RequestLimits } from './limits/request-limits.ts';
import { MetricsFeed } from './metrics/feed.ts';
import { LiveModels } from './metrics/live-models.ts';
import type { Metrics } from './metrics/metrics.ts';
import { DEPLOYMENT } from './metrics/tally.ts';
import { ModelCache, type ModelCacheContext } from './models/model-cache.ts';
import { ShadowTallies } from './models/shadow-tallies.ts';
import { ortRuntime } from './ort-runtime.ts';
import { RecentAnswers } from './recent-answers.ts';
import { Revocations } from './revocations.ts';
import { VerifiedTokens } from './verified-tokens.ts';
import type { Webhooks } from './webhooks/webhooks.ts';
import { GroupCommit } from './windows/group-commit.ts';
import type { Post } from './windows/judge-and-store.ts';

export interface AppEnvironment {
  Bindings: UncheckedBindings;
  Variables: {
    access: Access;
    /** The group that it is about, where it is about one. */
    group: string;
    /** Null: nobody tells. */
    address: string | null;
    /** What the answer tells of the caller's quota. */
    quota: Readonly<Record<string, string>>;
  };
}
export type AppContext = Context<AppEnvironment>;

const MiB = 2 ** 20;

const metrics = new MetricsFeed();

/** Of the isolate: lives as long as it does, and holds nothing that must outlive it. */
export const isolate = {
  models: new ModelCache({
    pointer: readPointer,
    event: 'models_live',
    revalidateMs: 3_000,
    maxGroups: 256,
    maxBytes: 8 * MiB,
    letsGo: false,
    count: (what) => metrics.tally.add(DEPLOYMENT, `ml_detector_model_cache_${what}_total`, { cache: 'live' }),
    countRefusal: (group) => metrics.tally.add(group, 'ml_detector_models_refused_total', { cache: 'live' }),
  }),
  shadows: new ModelCache({
    pointer: readShadow,
    event: 'shadow_loaded',
    revalidateMs: 10_000,
    maxGroups: 32,
    maxBytes: 2 * MiB,
    letsGo: true,
    count: (what) => metrics.tally.add(DEPLOYMENT, `ml_detector_model_cache_${what}_total`, { cache: 'shadow' }),
    countRefusal: (group) => metrics.tally.add(group, 'ml_detector_models_refused_total', { cache: 'shadow' }),
  }),
  shadowTallies: new ShadowTallies(),
  revocations: new Revocations(() => metrics.tally.add(DEPLOYMENT, 'ml_detector_revocations_read_failures_total')),
  tokens: new VerifiedTokens(),
  answers: new RecentAnswers(),
  metrics,
  limits: new RequestLimits(() => metrics.tally),
  liveModels: new LiveModels(),
  commits: new GroupCommit<Post, Result[]>(({ windows }) => windows.length, MAX_WINDOWS),
};

const checked = new WeakMap<UncheckedBindings, Bindings>();

/** @throws BindingsError, InvalidThresholdError */
export function bindingsOf(env: UncheckedBindings): Bindings {
  let bindings = checked.get(env);
  if (bindings === undefined) {
    bindings = checkBindings(env);
    checked.set(env, bindings);
  }
  return bindings;
}

/** Null where the environment is broken; then the route tells what is wrong with it. */
export function soundBindingsOf(env: UncheckedBindings): Bindings | null {
  try {
    return bindingsOf(env);
  } catch {
    return null;
  }
}

export function modelContext(c: AppContext): ModelCacheContext {
  return {
    store: bindingsOf(c.env).store,
    runtime: ortRuntime,
    now: Date.now(),
    waitUntil: (work) => c.executionCtx.waitUntil(work),
  };
}

export function incidentsOf(bindings: Bindings, group: string): DurableObjectStub<Incidents> {
  return bindings.incidents.getByName(group);
}

/** The one object that holds the totals of the deployment. */
export function metricsOf(namespace: DurableObjectNamespace<Metrics>): DurableObjectStub<Metrics> {
  return namespace.getByName('metrics');
}

/** The one object that knows the endpoints of the deployment. */
export function webhooksOf(namespace: DurableObjectNamespace<Webhooks>): DurableObjectStub<Webhooks> {
  return namespace.getByName('webhooks');
}

/** `?group=`, or null where the request names none. @throws HttpProblem 400 */
export function askedGroup(c: AppContext): string | null {
  const asked = c.req.query('group');
  if (asked === undefined) return null;
  const group = groupName.safeParse(asked);
  if (!group.success)
    throw new HttpProblem(400, 'The query is not valid.', { errors: [{ path: 'group', message: 'is no group name' }] });
  return group.data;
}

/**
 * The group that a request is about: `?group=`, else the token's, else `default`.
 * @throws HttpProblem 400, or 403 where the token is for another
 */
export function groupOf(c: AppContext): string {
  const access = c.get('access');
  const group = askedGroup(c) ?? access.group ?? 'default';
  return aboutGroup(c, group);
}

/** @throws HttpProblem 403 where the token is for another group */
export function aboutGroup(c: AppContext, group: string): string {
  c.set('group', group);
  requireGroup(c.get('access'), group);
  return group;
}
