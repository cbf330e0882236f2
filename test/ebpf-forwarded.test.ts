/** A connection that this host only forwards, between two others, has its latency measured as the host's own do. */
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { end, finish, type Link, makeLink, observe, start } from './ebpf-link.ts';
import { missing, named, sh } from './ebpf-machine.ts';
import { type ImpairedLink, makeImpairedLink } from './impaired-link.ts';

const reason = missing('ip', 'tc', 'iperf3', 'sysctl');
const [CLIENTS, SERVERS] = ['10.213.11', '10.213.12'];

describe.skipIf(reason)(named('a forwarded connection', reason), () => {
  let clients: Link;
  let servers: ImpairedLink;
  let server: ChildProcess;

  beforeAll(async () => {
    clients = makeLink('f');
    servers = await makeImpairedLink('vgf', SERVERS);
    sh('ip', 'address', 'add', `${CLIENTS}.1/24`, 'dev', clients.near);
    sh('ip', '-n', clients.namespace, 'address', 'add', `${CLIENTS}.2/24`, 'dev', clients.far);
    sh('ip', '-n', clients.namespace, 'route', 'add', 'default', 'via', `${CLIENTS}.1`);
    sh('ip', '-n', servers.namespace, 'route', 'add', 'default', 'via', `${SERVERS}.1`);
    // Of these two interfaces only: what else the machine has forwards as before.
    for (const name of [clients.near, servers.near]) sh('sysctl', '-qw', `net.ipv4.conf.${name}.forwarding=1`);
    server = await start(/listening/, 'ip', 'netns', 'exec', servers.namespace, 'iperf3', '-s', '--forceflush');
    await servers.impair({ delay_ms: 40, jitter_ms: 0, loss: 0, reorders: false });
  });
  afterAll(async () => {
    await end(server);
    clients.remove();
    await servers.remove();
  });

  it('is timed on the path beyond the interface that it goes out by', async () => {
    const { windows } = await observe({ interface: servers.near }, async () => {
      await finish('ip', ...clients.inside, 'iperf3', '-c', `${SERVERS}.2`, '-t', '3', '-b', '4M');
    });
    expect(windows[0]?.avg_latency_ms).toBeGreaterThanOrEqual(79);
    // Of 80 ms, and what a busy machine adds.
    expect(windows[0]?.avg_latency_ms).toBeLessThan(160);
    expect(windows[0]?.packet_loss_rate).toBeLessThan(0.02);
    expect(windows[0]?.sources?.map(({ ip }) => ip)).toEqual([`${SERVERS}.2`]);
  });

  it('has none of that on the side that it comes from', async () => {
    const { windows } = await observe({ interface: clients.near }, async () => {
      await finish('ip', ...clients.inside, 'iperf3', '-c', `${SERVERS}.2`, '-t', '2', '-b', '4M', '-R');
    });
    // What the servers send goes out here: from here to the clients there is no way to speak of.
    expect(windows[0]?.avg_latency_ms).toBeLessThan(40);
    expect(windows[0]?.sources?.map(({ ip }) => ip)).toEqual([`${CLIENTS}.2`]);
  });
});
