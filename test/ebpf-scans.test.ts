/** Real scanners and real clients: unique_ports counts what was probed and nothing else, and the scanner is named. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_THRESHOLDS } from '../contract/thresholds.ts';
import { applyRules } from '../models/rules/apply-rules.ts';
import { end, FAR_ADDRESS, finish, type Link, makeLink, NEAR_ADDRESS, observe, start, total } from './ebpf-link.ts';
import { missing, named, sh } from './ebpf-machine.ts';

const reason = missing('ip', 'tc', 'sysctl', 'nmap', 'hping3');

/** Asks the address and port of its arguments over so many new connections a second, for so many seconds; prints how many were answered. */
const CLIENTS = `
  const { connect } = require('node:net');
  const [host, port, rate, seconds] = process.argv.slice(1);
  let answered = 0;
  const asking = setInterval(() => {
    for (let i = 0; i < rate / 100; i++) {
      const socket = connect(port, host, () => socket.write('question'));
      socket.on('data', () => { answered++; socket.end(); }).on('error', () => {});
    }
  }, 10);
  setTimeout(() => { clearInterval(asking); setTimeout(() => { console.log(answered); process.exit(); }, 1000); }, 1000 * seconds);
`;

/** A server in the other namespace that sends back what it gets, over TCP and UDP on port 80. */
const ECHO = `
  const net = require('node:net'), udp = require('node:dgram').createSocket('udp4');
  udp.on('message', (message, { port, address }) => udp.send(message, port, address)).bind(80, () =>
    net.createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket)).listen(80, () => console.log('ready')));
`;

describe.skipIf(reason)(named('scans and clients in a namespace', reason), () => {
  let link: Link;
  let server: Server;
  beforeAll(async () => {
    link = makeLink('s', true);
    server = createServer((socket) => socket.on('error', () => socket.destroy()).resume()).listen(0, NEAR_ADDRESS);
    await once(server, 'listening');
  });
  afterAll(() => {
    server.close();
    link.remove();
  });

  it.each([
    ['-sS', 200],
    ['-sT', 200],
    ['-sF', 200],
    ['-sX', 200],
    ['-sN', 200],
    ['-sA', 200],
    ['-sM', 200],
    ['-sU', 40],
  ])('nmap %s of %i ports', async (scan, count) => {
    const { windows } = await observe({ interface: link.near }, async () => {
      const quick = ['-n', '-Pn', '-T5', '--max-retries', '0', '--min-rate', '400'];
      await finish('ip', ...link.inside, 'nmap', scan, ...quick, '-p', `1-${count}`, NEAR_ADDRESS);
    });
    expect(windows.length).toBe(1);
    expect(windows[0]?.unique_ports).toBe(count);
    const [scanner, ...others] = windows[0]?.sources ?? [];
    expect(others).toEqual([]);
    expect(scanner?.ip).toBe(FAR_ADDRESS);
    expect(Math.abs((scanner?.unique_ports ?? 0) / count - 1)).toBeLessThan(0.15);
    if (scan === '-sS' || scan === '-sT') expect(scanner?.syn_packets).toBeGreaterThanOrEqual(count);
    else expect(scanner?.syn_packets).toBe(0);
  });

  it('an open port is counted once, whatever the handshake does', async () => {
    const { port } = server.address() as AddressInfo;
    const { windows } = await observe({ interface: link.near }, async () => {
      await finish('ip', ...link.inside, 'nmap', '-sT', '-n', '-Pn', '-p', `${port}`, NEAR_ADDRESS);
    });
    expect(windows[0]).toMatchObject({ unique_ports: 1, unique_ips: 1 });
  });

  describe('a busy client', () => {
    const connections = 300;
    const sockets: Socket[] = [];
    let echo: Awaited<ReturnType<typeof start>>;
    beforeAll(async () => {
      echo = await start(/ready/, 'ip', ...link.inside, process.execPath, '-e', ECHO);
    });
    afterAll(async () => {
      for (const socket of sockets) socket.destroy();
      await end(echo);
    });

    const say = async (socket: Socket, bytes: number) => {
      let got = 0;
      const done = new Promise<void>((resolve) => {
        socket.on('data', (chunk) => {
          got += chunk.length;
          if (got >= bytes) resolve();
        });
      });
      socket.write(Buffer.alloc(bytes));
      await done;
      socket.removeAllListeners('data');
    };

    it(`that opens ${connections} TCP connections to one port shows one port, and its server none`, async () => {
      const { windows } = await observe({ interface: link.near }, async () => {
        for (let i = 0; i < connections; i++) {
          const socket = connect(80, FAR_ADDRESS);
          sockets.push(socket);
          await once(socket, 'connect');
          await say(socket, 20_000);
        }
      });
      expect(windows[0]?.unique_ports).toBe(1);
      expect(windows[0]?.sources).toMatchObject([{ ip: FAR_ADDRESS, syn_packets: 0, unique_ports: 0 }]);
      expect(windows[0]?.syn_packets).toBe(connections);
    });

    it('that is a proxy, with some 500 clients and 500 connections of its own a second, is no scanner and shows two ports', async () => {
      const seconds = 4;
      const proxy = createServer((client) => {
        const upstream = connect(80, FAR_ADDRESS);
        for (const socket of [client, upstream])
          socket.on('error', () => [client, upstream].map((one) => one.destroy()));
        client.pipe(upstream).pipe(client);
      }).listen(8080, NEAR_ADDRESS);
      await once(proxy, 'listening');
      let answered = 0;
      const { windows } = await observe({ interface: link.near, period_ms: 1000 }, async () => {
        const clients = [process.execPath, '-e', CLIENTS, NEAR_ADDRESS, '8080', '500', String(seconds)];
        answered = Number(await finish('ip', ...link.inside, ...clients));
      });
      proxy.close();
      // A busy machine makes fewer of them.
      expect(answered).toBeGreaterThan(seconds * 200);
      expect(total(windows, 'syn_packets')).toBeGreaterThanOrEqual(2 * answered);
      const context = { thresholds: DEFAULT_THRESHOLDS, learned: null };
      for (const window of windows) {
        expect(window.unique_ports).toBeLessThanOrEqual(2);
        expect(applyRules(window, context).fired.map(({ threat_type }) => threat_type)).not.toContain('port_scan');
      }
      expect(windows.some(({ unique_ports }) => unique_ports === 2)).toBe(true);
    }, 30_000);

    it('is counted by wire where the kernel passes 64 KiB at a time (TSO and GRO)', async () => {
      const payload = 20_000_000;
      sh('ip', 'link', 'set', link.near, 'mtu', '1500');
      sh('ip', '-n', link.namespace, 'link', 'set', link.far, 'mtu', '1500');
      const before = segmentsSentAgain(link.namespace);
      const { windows } = await observe({ interface: link.near }, async () => {
        const socket = connect(80, FAR_ADDRESS);
        await once(socket, 'connect');
        await say(socket, payload);
        socket.destroy();
      });
      const again = 1448 * (segmentsSentAgain(link.namespace) - before);
      const [window] = windows;
      const { packets = 0, bytes = 0 } = window as { packets: number; bytes: number };
      // Both ways; segments of 1,448 bytes, whose headers are 14 + 20 + 32 bytes, as are those of an acknowledgement.
      expect(packets).toBeGreaterThan((2 * payload) / 1448);
      const carried = bytes - 66 * packets;
      expect(carried).toBeGreaterThanOrEqual(2 * payload);
      expect(carried).toBeLessThan(2 * payload * 1.02 + again);
    });

    it('whose connections were open before we looked shows none, also when they end', async () => {
      const { windows } = await observe({ interface: link.near }, async () => {
        for (const [i, socket] of sockets.entries()) {
          if (i % 2) await say(socket, 5000);
          socket.end();
        }
        await delay(200);
      });
      expect(windows[0]?.tcp_packets).toBeGreaterThan(4 * connections);
      // A client that ends first sends FIN and ACK without payload: seen so, its server's port may count.
      expect(windows[0]?.unique_ports).toBeLessThanOrEqual(1);
      expect(windows[0]?.sources?.[0]?.unique_ports).toBe(0);
    });

    it('that asks over UDP from 200 ports shows one port', async () => {
      const { windows } = await observe({ interface: link.near }, async () => {
        for (let i = 0; i < 200; i++) {
          const socket = createSocket('udp4');
          socket.send('question', 80, FAR_ADDRESS);
          await once(socket, 'message');
          socket.close();
        }
      });
      expect(windows[0]).toMatchObject({ unique_ports: 1, udp_packets: 400 });
    });
  });

  it('a SYN flood from random addresses shows its SYNs, its one port, and how many addresses it had', async () => {
    const flood = 20_000;
    const { windows, source } = await observe({ interface: link.near }, async () => {
      const options = ['-q', '-S', '-p', '9', '--rand-source', '-i', 'u50', '-c', `${flood}`];
      await finish('sh', '-c', `ip ${link.inside.join(' ')} hping3 ${options.join(' ')} ${NEAR_ADDRESS} || true`);
    });
    const [window] = windows;
    expect(window?.syn_packets).toBeGreaterThan(flood * 0.95);
    expect(window?.unique_ports).toBe(1);
    expect(Math.abs((window?.unique_ips ?? 0) / (window?.syn_packets ?? 0) - 1)).toBeLessThan(0.07);
    expect(source.losses().source_not_tracked).toBeGreaterThan(0);
  });
});

/** TCP segments that this network namespace and another have sent again so far: on a busy machine some are, and they cross the wire. */
function segmentsSentAgain(namespace: string): number {
  const tables = [
    readFileSync('/proc/net/snmp', 'utf8'),
    sh('ip', 'netns', 'exec', namespace, 'cat', '/proc/net/snmp'),
  ];
  return tables.reduce((sum, table) => {
    const [names = [], values = []] = table
      .split('\n')
      .filter((line) => line.startsWith('Tcp:'))
      .map((line) => line.split(' '));
    return sum + Number(values[names.indexOf('RetransSegs')]);
  }, 0);
}
