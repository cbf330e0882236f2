/** A running edge that asks for tokens, and the `vigia` command against it, as a user types it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { SignJWT } from 'jose';
import { SCOPES, type Scope } from '../contract/token.ts';
import { type TestEdge, testEdge } from './edge-fixture.ts';

const VIGIA = join(import.meta.dirname, '../cli/vigia.ts');
const TOKEN_KEY = 'k'.repeat(48);

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandEdge {
  readonly edge: TestEdge;
  /** Of a token of the scope admin. */
  readonly headers: Record<string, string>;
  /** In a folder of its own, which holds `admin.token` and one of each other scope. */
  vigia(...args: string[]): Promise<Ended>;
  /** With a token. */
  as(scope: Scope, ...args: string[]): Promise<Ended>;
  remove(): Promise<void>;
}

export async function commandEdge(vars: Record<string, string> = {}): Promise<CommandEdge> {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-command-edge-'));
  const edge = await testEdge({ TOKEN_KEY, ...vars });
  const tokenOf = (scope: Scope): Promise<string> =>
    new SignJWT({ scope })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1 hour')
      .sign(new TextEncoder().encode(TOKEN_KEY));
  for (const scope of SCOPES) writeFileSync(join(folder, `${scope}.token`), `${await tokenOf(scope)}\n`);
  // Other than spawnSync, it leaves this process free to serve.
  const vigia = async (...args: string[]): Promise<Ended> => {
    const child = spawn(process.execPath, [VIGIA, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { code, stdout, stderr };
  };
  return {
    edge,
    headers: { authorization: `Bearer ${await tokenOf('admin')}` },
    vigia,
    as: (scope, ...args) => vigia(...args, '--to', edge.url, '--token-file', `${scope}.token`),
    remove: async () => {
      await edge.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
