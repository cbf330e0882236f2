/** The block list on a booted kernel: what each hook drops, and what a collector that was killed leaves behind. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { Blocking } from '../../collector/block/blocking.ts';
import { BLOCK_HOOKS } from '../../collector/block/settings.ts';
import { ebpfSource } from '../../collector/sources/ebpf.ts';
import { filters } from './filters.ts';
import { FAR } from './traffic.ts';

const [, program = '', name = '', task = ''] = process.argv;
const WATCHED = { interface: name, period_ms: 500, host: 'guest', group: 'default' };
const run = promisify(execFile);
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Whether the far side answers. */
const reaches = (): Promise<boolean> =>
  run('ping', ['-q', '-c', '1', '-W', '1', FAR]).then(
    () => true,
    () => false,
  );

/** Watches and blocks while `during` runs. */
async function blocking(blockAt: (typeof BLOCK_HOOKS)[number], during: (blocks: Blocking) => Promise<void>) {
  const settings = { block: 'enforce', blockAt, blockFor: 600, allow: [], keepBlocks: false } as const;
  const blocks = new Blocking(settings, [], '/tmp', pino({ level: 'silent' }));
  await blocks.start();
  const stop = new AbortController();
  const { promise: watching, resolve: onWindow } = Promise.withResolvers<void>();
  const windows = (async () => {
    for await (const _ of ebpfSource({ ...WATCHED, blocking: blocks }).windows(stop.signal)) onWindow();
  })();
  await Promise.race([watching, windows]);
  await during(blocks);
  stop.abort();
  await windows;
  blocks.stop();
}

const block = (blocks: Blocking) => blocks.blockByHand({ range: FAR, for_s: 3600, reason: 'self-test', force: false });

async function hook(blockAt: (typeof BLOCK_HOOKS)[number]): Promise<void> {
  await blocking(blockAt, async (blocks) => {
    const before = await reaches();
    block(blocks);
    const during = await reaches();
    const dropped = (blocks.listing().blocks[0]?.packets ?? 0) > 0;
    blocks.unblockByHand(FAR);
    say({ blocked_at: blockAt, before, during, dropped, after: await reaches() });
  });
}

/** A collector that blocks, and is killed. */
async function killed(): Promise<void> {
  const child = spawn(process.execPath, [program, name, 'hang'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const left = await filters(name);
  let blocks_s = 0;
  while (blocks_s < 40 && !(await reaches())) blocks_s++;
  const next: number[] = [];
  await blocking('tcx', async () => void next.push(await filters(name)));
  say({ killed: true, left, endsBlocking: blocks_s < 40, ofTheNext: next[0], leftAtTheEnd: await filters(name) });
}

if (task === 'hang')
  await blocking('tcx', async (blocks) => {
    block(blocks);
    say({ ready: true });
    await delay(3_600_000);
  });
else {
  for (const one of BLOCK_HOOKS) await hook(one);
  await killed();
}
