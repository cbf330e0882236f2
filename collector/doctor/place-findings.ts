/** Whether the collector can read its logs, keep its spool, and reach its edge with its token. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import * as z from 'zod';
import { type ConnectionSettings, EdgeConnection } from '../delivery/edge-connection.ts';
import { problemOfError } from '../delivery/edge-problem.ts';
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

export function spoolFinding(folder: string): Finding {
  try {
    mkdirSync(folder, { recursive: true });
    const probe = join(folder, `probe-${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    return missing(
      'spool',
      `${folder} cannot be written: ${text(error)}`,
      'Name a folder of the service with --spool, such as its StateDirectory',
    );
  }
  const { bavail, bsize } = statfsSync(folder);
  const free_MiB = Math.floor((bavail * bsize) / MiB);
  if (bavail * bsize < SPOOL_BYTES)
    return limited(
      'spool',
      `${folder} has ${free_MiB} MiB free; a full spool takes ${SPOOL_BYTES / MiB}`,
      'Free some space: where the disk refuses windows, the oldest are dropped and counted',
    );
  return ok('spool', `${folder} can be written, ${free_MiB} MiB free`);
}

/** The token as the edge reads it, but for its signature, which only the edge can check. */
export function tokenFinding(file: string, now_ms: number): Finding {
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    return missing(
      'token',
      `${file} cannot be read: ${text(error)}`,
      'Make one: vigia token create --scope ingest --host HOST > FILE',
    );
  }
  try {
    const { exp, scope, host } = decodeJwt(token);
    if (exp !== undefined && exp * 1000 < now_ms)
      return missing(
        'token',
        `it ended ${new Date(exp * 1000).toISOString()}`,
        'Make a new one: vigia token create --scope ingest --host HOST > FILE',
      );
    if (typeof scope === 'string' && !/\b(ingest|admin)\b/.test(scope))
      return missing('token', `its scope is ${scope}`, 'The collector needs one of the scope ingest');
    return ok('token', `of the scope ${String(scope)}, for ${typeof host === 'string' ? `host ${host}` : 'any host'}`);
  } catch {
    return missing('token', `${file} holds no token`, 'Make one: vigia token create --scope ingest --host HOST > FILE');
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

/** Asked as the collector would ask it: through the same proxy, trusting the same authorities. @throws AuthorityError */
export async function edgeFindings(settings: ConnectionSettings): Promise<Finding[]> {
  const { to } = settings;
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
    return [found, ...clockFinding(answer.headers.date, Date.now())];
  } catch (error) {
    const { reason, remedy } = problemOfError(error);
    const advice = remedy ?? 'check --to, the network, and what stands between';
    return [missing('edge', `${to} does not answer: ${reason}`, `Windows wait in the spool; ${advice}`)];
  } finally {
    edge.close();
  }
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
