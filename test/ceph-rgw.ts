/** An S3 server for tests: Ceph's RADOS gateway over one monitor and one OSD, in memory and on free ports of loopback. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

const UNPACKED = fileURLToPath(new URL('../node_modules/.vigia', import.meta.url));
const ROOT = existsSync(join(UNPACKED, 'usr/bin/radosgw')) ? UNPACKED : '/';
const LIBRARIES = join(ROOT, 'usr/lib', process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu');
const ENVIRONMENT = {
  ...process.env,
  LD_LIBRARY_PATH: [LIBRARIES, join(LIBRARIES, 'ceph'), join(ROOT, 'lib', LIBRARIES.split('/').at(-1) ?? '')].join(':'),
};
/** Why the tests of S3 have to be skipped, or '' where the server is there. */
export const cephMissing = existsSync(join(ROOT, 'usr/bin/radosgw')) ? '' : 'needs radosgw, ceph-mon and ceph-osd';

const START_TIMEOUT_MS = 60_000;

export interface S3Server {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  stop(): Promise<void>;
}

/** Takes about 12 s. */
export async function startCephRgw(): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 'vigia-ceph-'));
  const path = (name: string): string => join(folder, name);
  const [monitor = 0, gateway = 0] = await freePorts(2);
  const fsid = crypto.randomUUID();
  await writeFile(path('ceph.conf'), configuration(folder, fsid, monitor, gateway));
  for (const name of ['mon', 'osd', 'run']) await mkdir(path(name));

  const options = { env: { ...ENVIRONMENT, CEPH_CONF: path('ceph.conf') }, cwd: folder };
  const run = (tool: string, ...args: string[]): void => {
    execFileSync(join(ROOT, 'usr/bin', tool), args, { ...options, stdio: ['ignore', 'ignore', 'ignore'] });
  };
  const daemons: ChildProcess[] = [];
  const daemon = (tool: string, ...args: string[]): void => {
    const log = openSync(path(`${tool}.log`), 'w');
    // They go with this process, however it ends.
    const command = ['--pdeathsig', 'KILL', join(ROOT, 'usr/bin', tool), ...args, '-f'];
    daemons.push(spawn('setpriv', command, { ...options, stdio: ['ignore', log, log] }));
  };
  const stop = async (): Promise<void> => {
    const ended = daemons.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of daemons) child.kill('SIGKILL');
    await Promise.all(ended);
    await rm(folder, { recursive: true, force: true });
  };

  const key = (name: string, ...capabilities: string[]): void =>
    run(
      'ceph-authtool',
      'keyring',
      '--gen-key',
      '-n',
      name,
      ...capabilities.flatMap((text) => ['--cap', ...text.split(': ')]),
    );
  await writeFile(path('keyring'), '');
  key('mon.', 'mon: allow *');
  key('client.admin', 'mon: allow *', 'osd: allow *');
  key('osd.0', 'mon: allow profile osd', 'osd: allow *');
  run('monmaptool', '--create', '--add', 'a', `127.0.0.1:${monitor}`, '--fsid', fsid, 'monmap');
  // The OSD stands in the first map, so that nobody has to ask the monitor for it.
  run('osdmaptool', '--createsimple', '1', 'osdmap');
  run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', 'monmap', '--osdmap', 'osdmap', '--keyring', 'keyring');
  daemon('ceph-mon', '-i', 'a');
  run('ceph-osd', '--mkfs', '-i', '0');
  daemon('ceph-osd', '-i', '0');
  daemon('radosgw', '-n', 'client.admin');

  const endpoint = `http://127.0.0.1:${gateway}`;
  try {
    await answers(endpoint, daemons);
  } catch (error) {
    const logs = ['ceph-mon', 'ceph-osd', 'radosgw'].map((name) =>
      readFileSync(path(`${name}.log`), 'utf8').slice(-600),
    );
    await stop();
    throw new Error(`${String(error)}\n${logs.join('\n')}`);
  }
  const [accessKeyId, secretAccessKey] = ['vigia-tests', crypto.randomUUID()];
  run(
    'radosgw-admin',
    'user',
    'create',
    '--uid=vigia',
    '--display-name=vigia',
    `--access-key=${accessKeyId}`,
    `--secret=${secretAccessKey}`,
  );
  return { endpoint, accessKeyId, secretAccessKey, stop };
}

function configuration(folder: string, fsid: string, monitor: number, gateway: number): string {
  return `[global]
fsid = ${fsid}
mon host = v2:127.0.0.1:${monitor}
ms bind msgr1 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
mon allow pool size one = true
mon data avail crit = 0
mon data = ${folder}/mon
osd data = ${folder}/osd
run dir = ${folder}/run
crash dir = ${folder}/run
rgw data = ${folder}/run
keyring = ${folder}/keyring
erasure code dir = ${LIBRARIES}/ceph/erasure-code
plugin dir = ${LIBRARIES}/ceph
osd class dir = ${LIBRARIES}/rados-classes
admin socket =
log file =
mon cluster log file =
log to stderr = true
rgw frontends = beast endpoint=127.0.0.1:${gateway}
rgw thread pool size = 16
`;
}

async function answers(endpoint: string, daemons: readonly ChildProcess[]): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const ended = daemons.find((child) => child.exitCode !== null);
    if (ended !== undefined) throw new Error(`${ended.spawnargs[3]} ended with ${ended.exitCode}`);
    if ((await fetch(endpoint).catch(() => null))?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`no answer from ${endpoint} within ${START_TIMEOUT_MS} ms`);
}

/** Held open together, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address !== null && typeof address === 'object') ports.push(address.port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}

/** A bucket of its own on the server; the variables by which a deployment stores in it. */
export async function createBucket(
  { endpoint, accessKeyId, secretAccessKey }: S3Server,
  bucket: string,
): Promise<Record<`STORAGE_S3_${string}`, string>> {
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return {
    STORAGE_S3_ENDPOINT: endpoint,
    STORAGE_S3_BUCKET: bucket,
    STORAGE_S3_ACCESS_KEY_ID: accessKeyId,
    STORAGE_S3_SECRET_ACCESS_KEY: secretAccessKey,
  };
}
