/** Ten minutes of load with faults: what was acknowledged is stored once, and every incident was told, or the ledger says what is not. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cephMissing } from '../../test/ceph-rgw.ts';
import { type Fault, Ledger, type LedgerLine, PHASES, type Phase } from './ledger-count.ts';
import { Hosts } from './ledger-fleet.ts';
import { Receiver } from './ledger-receiver.ts';
import { onDisk, type RunStorage, withS3 } from './ledger-storage.ts';
import { accepted, type ServedEdge, trainGroup, withServedEdge, withStateDir } from './served-edge.ts';

const MINUTES = 10;
const LOAD = 0.8;
/** Ten hosts of a group that are attacked alike would be one campaign, told of as one. */
const HOSTS_A_GROUP = 8;
const FAULT_EVERY_MS = 30_000;
const FAULTS: readonly Fault[] = ['storage down', 'receiver down', 'model swapped', 'workerd killed'];
const STORAGE_DOWN_MS = 10_000;
/** A second failed delivery is tried again after five minutes, which is longer than this waits at the end. */
const RECEIVER_DOWN_MS = 3_000;
/** A buffer gathers for 15 s, a failed write and a failed delivery come again within 10. */
const SETTLES_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 4_000;

export interface LedgerRun {
  /** Of the load under faults. */
  readonly load_ms: number;
  /** For which the highest rate is measured before. */
  readonly measure_ms: number;
  readonly groups: number;
  /** Whether storage stands on an S3 server, which can be taken away. */
  readonly s3: boolean;
}

export interface LedgerResult {
  readonly ledger: Ledger;
  readonly highestPostsPerSecond: number;
  readonly deliveries: number;
  readonly repeated: number;
  readonly unverified: number;
  /** Windows answered as threats, and alerts that the incidents hold. */
  readonly alerts: { readonly answered: number; readonly held: number };
  readonly problems: readonly string[];
}

export function runLedger(run: LedgerRun): Promise<LedgerResult> {
  return withStateDir((stateDir) => {
    const use = (storage: RunStorage): Promise<LedgerResult> => runOn(storage, stateDir, run);
    return run.s3 ? withS3(use) : onDisk(stateDir, use);
  });
}

async function runOn(storage: RunStorage, stateDir: string, run: LedgerRun): Promise<LedgerResult> {
  const receiver = new Receiver();
  await receiver.open();
  const vars = {
    ...storage.vars,
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET: receiver.secret,
    WEBHOOK_ALLOW_PRIVATE: 'true',
    INCIDENT_QUIET_S: '3600',
  };
  try {
    return await withServedEdge(stateDir, (edge) => underLoad(edge, storage, receiver, stateDir, run), { vars });
  } finally {
    await receiver.close();
  }
}

async function underLoad(
  edge: ServedEdge,
  storage: RunStorage,
  receiver: Receiver,
  stateDir: string,
  { load_ms, measure_ms, groups, s3 }: LedgerRun,
): Promise<LedgerResult> {
  const names = Array.from({ length: groups }, (_, i) => `g${i}`);
  const learned = new Map<string, string[]>();
  for (const group of names) learned.set(group, await twoVersions(edge, group));
  const ledger = new Ledger();
  const began = new Map<string, Phase>();
  let phase: Phase = 'none';
  const tokenFile = join(stateDir, 'token');
  writeFileSync(tokenFile, edge.headers.authorization?.replace('Bearer ', '') ?? '', { mode: 0o600 });
  const origins = names.flatMap((group) =>
    Array.from({ length: HOSTS_A_GROUP }, (_, i) => ({ group, host: `${group}-h${i}` })),
  );
  const hosts = new Hosts({ url: edge.url, tokenFile, ledger, origins, phase: () => phase });
  const highestPostsPerSecond = (1000 * (await hosts.post(measure_ms, null))) / measure_ms;

  const note = async (under: Phase): Promise<void> => {
    for (const { id } of await incidentsOf(edge, names)) if (!began.has(id)) began.set(id, under);
  };
  const faults = inTurn(
    load_ms,
    s3 ? FAULTS : FAULTS.filter((fault) => fault !== 'storage down'),
    async (fault, every_ms) => {
      await note('none');
      phase = fault;
      await cause(fault, { edge, storage, receiver, versions: learned, at_most_ms: every_ms / 2 });
      await sleep(every_ms / 4);
      await note(phase);
      phase = 'none';
    },
  );
  await hosts.post(load_ms, LOAD * highestPostsPerSecond);
  await faults;

  const deadline_ms = performance.now() + SETTLES_WITHIN_MS;
  for (;;) {
    await sleep(LOOK_EVERY_MS);
    ledger.read((await storage.ids()).filter((id) => !id.startsWith('learned:')));
    const incidents = await incidentsOf(edge, names);
    const untold = incidents.filter((incident) => timesTold(incident, receiver) === 0);
    const endpoints = await (await accepted(`${edge.url}/webhooks`, { headers: edge.headers })).json();
    const { waiting, dead, last_error } = (endpoints as { endpoints: Waiting[] }).endpoints[0] ?? {};
    const settled = ledger.total().missing === 0 && untold.length === 0 && !waiting;
    if (!settled && performance.now() < deadline_ms) continue;
    for (const incident of incidents) ledger.incident(began.get(incident.id) ?? 'none', timesTold(incident, receiver));
    const { deliveries, repeated, unverified } = receiver;
    const alerts = { answered: hosts.alerts, held: incidents.reduce((sum, incident) => sum + incident.alerts, 0) };
    const problems = ledger.faults();
    if (waiting || dead)
      problems.push(`webhooks not delivered yet: ${waiting}, given up: ${dead}, last: ${last_error}`);
    if (unverified > 0) problems.push(`${unverified} webhooks with a wrong signature`);
    if (alerts.held !== alerts.answered)
      problems.push(`incidents hold ${alerts.held} alerts, and ${alerts.answered} windows were answered as threats`);
    return { ledger, highestPostsPerSecond, deliveries, repeated, unverified, alerts, problems };
  }
}

/** Trains a group twice. @returns both versions */
async function twoVersions(edge: ServedEdge, group: string): Promise<string[]> {
  await trainGroup(edge, group);
  await accepted(`${edge.url}/train?group=${group}`, { method: 'POST', headers: edge.headers });
  const answer = await accepted(`${edge.url}/models?group=${group}`, { headers: edge.headers });
  const { models } = (await answer.json()) as { models: { version: string }[] };
  return models.map(({ version }) => version);
}

/** Faults one after another, each at least once; a receiver that is away twice within seconds would fail a delivery twice. */
async function inTurn(
  load_ms: number,
  faults: readonly Fault[],
  work: (fault: Fault, every_ms: number) => Promise<void>,
): Promise<void> {
  const every_ms = Math.min(FAULT_EVERY_MS, load_ms / faults.length);
  const began_ms = performance.now();
  for (let number = 0; (number + 1) * every_ms <= load_ms; number++) {
    await sleep(Math.max(0, began_ms + number * every_ms + every_ms / 8 - performance.now()));
    await work(faults[number % faults.length] as Fault, every_ms);
  }
}

interface Scene {
  readonly edge: ServedEdge;
  readonly storage: RunStorage;
  readonly receiver: Receiver;
  readonly versions: ReadonlyMap<string, readonly string[]>;
  readonly at_most_ms: number;
}

async function cause(fault: Fault, { edge, storage, receiver, versions, at_most_ms }: Scene): Promise<void> {
  if (fault === 'storage down') {
    storage.setDown?.(true);
    await sleep(Math.min(STORAGE_DOWN_MS, at_most_ms));
    storage.setDown?.(false);
  } else if (fault === 'receiver down') {
    await receiver.close();
    await sleep(Math.min(RECEIVER_DOWN_MS, at_most_ms));
    await receiver.open();
  } else if (fault === 'model swapped') {
    for (const [group, all] of versions) {
      const answer = await accepted(`${edge.url}/models?group=${group}`, { headers: edge.headers });
      const { current } = (await answer.json()) as { current: string };
      const version = all.find((other) => other !== current);
      const body = JSON.stringify({ version });
      await accepted(`${edge.url}/models/rollback?group=${group}`, { method: 'POST', headers: edge.headers, body });
    }
  } else for (const pid of edge.pids()) process.kill(pid, 'SIGKILL');
}

/** Under how many ids its beginning was told; one that joined a campaign may be told of by that alone. */
function timesTold({ id, campaign_id }: Opened, { begun }: Receiver): number {
  return begun.get(id)?.size ?? (campaign_id !== null && begun.has(campaign_id) ? 1 : 0);
}

interface Waiting {
  readonly waiting: number;
  readonly dead: number;
  readonly last_error: string | null;
}

interface Opened {
  readonly id: string;
  readonly alerts: number;
  readonly campaign_id: string | null;
}

async function incidentsOf(edge: ServedEdge, groups: readonly string[]): Promise<Opened[]> {
  const found: Opened[] = [];
  for (const group of groups) {
    let cursor = '';
    do {
      const answer = await accepted(`${edge.url}/incidents?group=${group}&limit=500${cursor}`, {
        headers: edge.headers,
      });
      const page = (await answer.json()) as { incidents: Opened[]; next: string | null };
      found.push(...page.incidents);
      cursor = page.next === null ? '' : `&cursor=${page.next}`;
    } while (cursor !== '');
  }
  return found;
}

export async function benchmark(minutes = MINUTES): Promise<unknown> {
  const s3 = cephMissing === '';
  if (!s3) console.log(`storage stands on disk and is never taken away: an S3 server ${cephMissing}`);
  const result = await runLedger({ load_ms: 60_000 * minutes, measure_ms: 10_000, groups: 4, s3 });
  const { ledger, highestPostsPerSecond, deliveries, repeated, alerts, problems } = result;
  console.log(
    `${minutes} minutes at ${Math.round(LOAD * highestPostsPerSecond)} posts/s, of ${Math.round(highestPostsPerSecond)} measured, by ${4 * HOSTS_A_GROUP} hosts`,
  );
  const rows: Record<string, LedgerLine> = Object.fromEntries(PHASES.map((phase) => [phase, ledger.line(phase)]));
  console.table({ ...rows, 'all together': ledger.total() });
  console.log(
    `webhooks: ${deliveries} verified, ${repeated} of them repeated; alerts: ${alerts.answered} answered, ${alerts.held} held by incidents`,
  );
  console.log(problems.length === 0 ? 'the ledger adds up' : `THE LEDGER DOES NOT ADD UP: ${problems.join('; ')}`);
  if (problems.length > 0) process.exitCode = 1;
  return { total: ledger.total(), problems };
}
