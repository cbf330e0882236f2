/** Whether the collector can read its logs, keep its spool, and reach its edge with its token. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { decodeJwt } from 'jose';
import * as z from 'zod';
import type { CollectorConfig } from '../config.ts';
import { type ConnectionSettings, EdgeConnection } from '../delivery/edge-connection.ts';
import { problemOfAnswer, problemOfError } from '../delivery/edge-problem.ts';
import { readToken, TokenFileError } from '../delivery/token-file.ts';
import { type Finding, limited, missing, ok } from './finding.ts';

/** A full spool takes this much. */
const SPOOL_BYTES = 256 * 1024 * 1024;
const MiB = 1024 * 1024;
/** Windows are dated by this host: beyond this, those of several hosts no longer lie side by side. */
const MOST_CLOCK_DIFFERENCE_S = 5;
const TIMEOUT_MS = 5000;

export function logFinding(file: string): Finding {
  try {
    accessSync(file, constants.R_OK);
    return ok(`auth:${file}`, 'the log can be read');
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return isAbsent
      ? limited(
          `auth:${file}`,
          'there is no such log yet',
          'It is followed once it comes; where systemd keeps the logs, use --source journal',
        )
      : missing(
          `auth:${file}`,
          'the log cannot be read',
          'Add the service to the group that may: SupplementaryGroups=adm',
        );
  }
}

export function journalFinding(): Finding {
  const { status, error, stderr } = spawnSync('journalctl', ['--quiet', '--lines=1'], { encoding: 'utf8' });
  if (error)
    return missing('journal', `journalctl cannot be run: ${text(error)}`, 'Name the log instead: --source auth:FILE');
  return status === 0
    ? ok('journal', 'it can be read')
    : missing('journal', stderr.trim(), 'Add the service to the group that may: SupplementaryGroups=systemd-journal');
}

/** Makes nothing: a folder that is not there yet is the collector's to make, where the one above it lets it. */
export function spoolFinding(folder: string): Finding {
  const existing = nearestExisting(folder);
  try {
    if (!statSync(existing).isDirectory()) throw new Error(`${existing} is no folder`);
    accessSync(existing, constants.W_OK | constants.X_OK);
  } catch (error) {
    return missing(
      'spool',
      `${folder} cannot be written: ${text(error)}`,
      'Name a folder of the service with --spool, such as its StateDirectory; that of an installed one is looked at as root',
    );
  }
  const { bavail, bsize } = statfsSync(existing);
  const free_MiB = Math.floor((bavail * bsize) / MiB);
  if (bavail * bsize < SPOOL_BYTES)
    return limited(
      'spool',
      `${folder} has ${free_MiB} MiB free; a full spool takes ${SPOOL_BYTES / MiB}`,
      'Free some space: where the disk refuses windows, the oldest are dropped and counted',
    );
  const is = existing === folder ? 'can be written' : 'is not there yet, and can be made';
  return ok('spool', `${folder} ${is}, ${free_MiB} MiB free`);
}

function nearestExisting(path: string): string {
  const above = dirname(path);
  return above === path || existsSync(path) ? path : nearestExisting(above);
}

const MAKE_TOKEN = 'Make one: vigia token create --scope ingest --host HOST > FILE';

/** The token as the edge reads it, but for its signature and whether it was revoked; these only the edge can check. */
export function tokenFinding(
  { tokenFile, host, group }: Pick<CollectorConfig, 'tokenFile' | 'host' | 'group'>,
  now_ms: number,
): Finding[] {
  if (tokenFile === null) return [];
  const wrong = (what: string, remedy = MAKE_TOKEN): Finding[] => [missing('token', what, remedy)];
  try {
    const claims = decodeJwt(readToken(tokenFile));
    const { exp, scope } = claims;
    if (exp !== undefined && exp * 1000 < now_ms) return wrong(`it ended ${new Date(exp * 1000).toISOString()}`);
    if (typeof scope === 'string' && !/\b(ingest|admin)\b/.test(scope))
      return wrong(`its scope is ${scope}`, 'The collector needs one of the scope ingest');
    for (const [name, own] of Object.entries({ host, group })) {
      const claimed = claims[name];
      if (claimed !== undefined && claimed !== own)
        return wrong(
          `it is for the ${name} ${String(claimed)}, and this collector's is ${own}`,
          `Set --${name} (VIGIA_${name.toUpperCase()}) to that, or make a token for this ${name}`,
        );
    }
    return [
      ok('token', `of the scope ${String(scope)}, for ${claims.host === undefined ? 'any host' : `host ${host}`}`),
    ];
  } catch (error) {
    return wrong(error instanceof TokenFileError ? error.message : `${tokenFile} holds no token`);
  }
}

const health = z.object({ service: z.string(), version: z.string(), status: z.string() });
const healthText = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue('no JSON');
      return z.NEVER;
    }
  })
  .pipe(health);

/**
 * Asked as the collector would ask it: through the same proxy, trusting the same authorities, with the same token.
 * @throws AuthorityError
 */
export async function edgeFindings(
  settings: ConnectionSettings & Pick<CollectorConfig, 'tokenFile'>,
): Promise<Finding[]> {
  const { to, tokenFile } = settings;
  const edge = new EdgeConnection(settings);
  const started = performance.now();
  try {
    const answer = await edge.request('/health', { method: 'GET', signal: AbortSignal.timeout(TIMEOUT_MS) });
    const took_ms = Math.round(performance.now() - started);
    const parsed = healthText.safeParse(answer.text);
    if (!parsed.success || parsed.data.service !== 'vigia')
      return [missing('edge', `${to} answers ${answer.status}, and not as Vigía does`, 'Check --to')];
    const { status, version } = parsed.data;
    const said = `${to} answers in ${took_ms} ms: Vigía ${version}, ${status}`;
    const found = status === 'ok' ? ok('edge', said) : limited('edge', said, `Look at ${to}/health`);
    return [found, ...clockFinding(answer.headers.date, Date.now()), ...(await accessFinding(edge, tokenFile))];
  } catch (error) {
    const { reason, remedy } = problemOfError(error);
    const advice = remedy ?? 'check --to, the network, and what stands between';
    return [missing('edge', `${to} does not answer: ${reason}`, `Windows wait in the spool; ${advice}`)];
  } finally {
    edge.close();
  }
}

/** What an edge that took the token says of a batch without windows. */
const NO_WINDOWS: ReadonlySet<number> = new Set([400, 422]);

/** /health is open to anybody: a batch of no windows is judged by its token first, and then refused without a trace. */
async function accessFinding(edge: EdgeConnection, tokenFile: string | null): Promise<Finding[]> {
  let token: string | null = null;
  try {
    token = tokenFile === null ? null : readToken(tokenFile);
  } catch {
    return []; // tokenFinding says why
  }
  const { status, text } = await edge.request('/detect', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token !== null && { authorization: `Bearer ${token}` }) },
    body: Buffer.from('{"windows":[]}'),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const { reason, remedy } = problemOfAnswer(status, text);
  if (status === 401 || status === 403)
    return [missing('access', reason, token === null ? 'Name the token with --token-file FILE' : (remedy ?? ''))];
  if (!NO_WINDOWS.has(status))
    return [limited('access', reason, 'Ask again: the edge is busy, broken, or behind another')];
  return [ok('access', token === null ? 'the edge asks for no token' : 'the edge takes the token')];
}

/** @param date the HTTP header of an answer, exact to a second; absent where there was none */
export function clockFinding(date: string | undefined, now_ms: number): Finding[] {
  const difference_s = date === undefined ? Number.NaN : Math.round((now_ms - Date.parse(date)) / 1000);
  if (Number.isNaN(difference_s)) return [];
  const said = `${Math.abs(difference_s)} s ${difference_s < 0 ? 'behind' : 'ahead of'} the edge`;
  return Math.abs(difference_s) > MOST_CLOCK_DIFFERENCE_S
    ? [limited('clock', said, 'Set it by NTP: windows and logins are dated by this host')]
    : [ok('clock', said)];
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
