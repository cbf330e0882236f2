/** The Flask stand-in under gunicorn: what most detectors of this kind are built on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { answers } from './answers.ts';
import type { Target } from './load.ts';

const FOLDER = fileURLToPath(new URL('../../../shared/peers/flask-detector', import.meta.url));
const PORT = 15_055;
const STARTS_WITHIN_MS = 60_000;

/** Runs `use` beside the peer, or with null where it is not on this machine. */
export async function withPeer<T>(use: (peer: Target | null) => Promise<T>): Promise<T> {
  if (!existsSync(FOLDER) || !existsSync('/usr/bin/gunicorn')) {
    console.log(`the peer is not here (${FOLDER}, gunicorn): its rows are left out`);
    return use(null);
  }
  const gunicorn = spawn(
    '/usr/bin/python3',
    ['/usr/bin/gunicorn', '-b', `127.0.0.1:${PORT}`, 'app:app', '--workers', '2', '--threads', '4'],
    { cwd: FOLDER, env: { ...process.env, OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1' }, stdio: 'ignore' },
  );
  const ended = once(gunicorn, 'exit');
  try {
    await answers(`http://127.0.0.1:${PORT}/health`, STARTS_WITHIN_MS);
    return await use({
      name: 'Flask stand-in',
      url: `http://127.0.0.1:${PORT}/detect`,
      headers: { 'content-type': 'application/json' },
      pids: () => workersOf(gunicorn.pid ?? 0),
    });
  } finally {
    gunicorn.kill('SIGTERM');
    await ended;
  }
}

function workersOf(pid: number): number[] {
  return globSync(`/proc/${pid}/task/*/children`).flatMap((file) =>
    readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}
