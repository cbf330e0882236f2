/** How long it takes: from the first packet of an attack to the post that shows it, and from a verdict to the first dropped packet. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { FAR_ADDRESS, makeLink, NEAR_ADDRESS } from '../../test/ebpf-link.ts';
import { type Answer, EdgeStandIn, until } from '../../test/edge-stand-in.ts';
import { watching } from './tools.ts';

const ROUNDS = 5;
const PING_EVERY_S = 0.002;

export interface Times {
  attack_to_post_ms: number[];
  verdict_to_drop_ms: number[];
}

const accuses: Answer = (response, { windows }) => {
  const verdict = {
    threat_detected: true,
    threat_types: ['port_scan'],
    attacking_ips: [FAR_ADDRESS],
    level: 'high',
    confidence: 0.9,
  };
  response.end(JSON.stringify({ results: windows.map((window) => ({ ...verdict, window })) }));
};

/** Each round with a collector of its own, at whatever moment of its window the attack begins. */
export async function times(): Promise<Times> {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-times-'));
  const edge = await EdgeStandIn.start();
  const figures: Times = { attack_to_post_ms: [], verdict_to_drop_ms: [] };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const link = makeLink('tm', true);
      try {
        const own = mkdtempSync(join(folder, 'round-'));
        const where = { name: link.near, edge: edge.url, folder: own };
        await watching('vigia', where, async () => {
          await until('posts', () => edge.posts.length > 0);
          await sleep(400 * round);
          const scan = spawn('ip', [
            ...link.inside,
            'nmap',
            '-sS',
            '-Pn',
            '-n',
            '-p1-500',
            '--min-rate',
            '1000',
            NEAR_ADDRESS,
          ]);
          const began_ms = Date.now();
          await until('the scan in a post', () =>
            edge.posts.some(({ windows }) => windows.some(({ unique_ports }) => (unique_ports ?? 0) > 25)),
          );
          figures.attack_to_post_ms.push((edge.posts.at(-1)?.at_ms ?? Number.NaN) - began_ms);
          scan.kill('SIGKILL');
        });
        edge.posts.splice(0);
        await watching('vigia', { ...where, options: ['--block', 'enforce'] }, async () => {
          await until('posts', () => edge.posts.length > 0);
          const ping = spawn('ip', [
            ...link.inside,
            'ping',
            '-D',
            '-i',
            String(PING_EVERY_S),
            '-c',
            '3000',
            NEAR_ADDRESS,
          ]);
          const replies = text(ping.stdout);
          await sleep(500);
          edge.script.push(accuses);
          const posts = edge.posts.length;
          await until('the verdict', () => edge.posts.length > posts);
          const verdict_ms = edge.posts.at(-1)?.at_ms ?? Number.NaN;
          await sleep(1500);
          ping.kill('SIGINT');
          await once(ping, 'close');
          const last_ms = 1000 * Number([...(await replies).matchAll(/^\[(\d+\.\d+)\]/gm)].at(-1)?.[1]);
          figures.verdict_to_drop_ms.push(Math.max(last_ms - verdict_ms, 0));
        });
        edge.posts.splice(0);
      } finally {
        link.remove();
      }
    }
    return figures;
  } finally {
    await edge.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Prints the figures and returns them. */
export async function benchmark(): Promise<Times> {
  const figures = await times();
  const shown = (values: number[]): string =>
    values
      .map((value) => Math.round(value))
      .sort((a, b) => a - b)
      .join(', ');
  console.log(`${ROUNDS} rounds, windows of 1 s, a post every 2 s:`);
  console.log(`start of nmap to the post that shows it: ${shown(figures.attack_to_post_ms)} ms`);
  console.log(
    `verdict to the last packet that got through (one each ${1000 * PING_EVERY_S} ms): ${shown(figures.verdict_to_drop_ms)} ms`,
  );
  return figures;
}

if (import.meta.main) await benchmark();
