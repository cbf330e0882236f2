/** The eBPF source of the collector on a booted kernel, under known traffic: its windows as NDJSON, then what it lost and left behind. */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { promisify } from 'node:util';
import { ebpfSource } from '../../collector/sources/ebpf.ts';
import { filters } from './filters.ts';
import { CONNECTIONS, DATAGRAM_BYTES, DATAGRAMS, FAR, NEAR, PING_BYTES, PINGS, SILENT } from './traffic.ts';

const [, , name = ''] = process.argv;
const PERIOD_MS = 500;
const run = promisify(execFile);
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

async function sendDatagrams(): Promise<void> {
  const socket = createSocket('udp4');
  for (let i = 0; i < DATAGRAMS; i++)
    await new Promise<void>((resolve, reject) =>
      socket.send(Buffer.alloc(DATAGRAM_BYTES), 1000 + i, SILENT, (error) => (error ? reject(error) : resolve())),
    );
  socket.close();
}

async function speak(): Promise<void> {
  await run('ping', ['-q', '-c', `${PINGS}`, '-i', '0.01', '-s', `${PING_BYTES}`, FAR]);
  await sendDatagrams();
  const connect = `for i in $(seq ${CONNECTIONS}); do nc -w 5 ${NEAR} $((7000 + i)); done; true`;
  await run('nsenter', ['--net=/run/netns/far', 'sh', '-c', connect]);
}

const stop = new AbortController();
const source = ebpfSource({ interface: name, period_ms: PERIOD_MS, host: 'guest', group: 'default' });
const { promise: firstWindow, resolve: onWindow } = Promise.withResolvers<void>();
const windows = (async () => {
  for await (const window of source.windows(stop.signal)) {
    say(window);
    onWindow();
  }
})();
await Promise.race([firstWindow, windows]);
const attached = await filters(name);
await speak();
stop.abort();
await windows;
say({ losses: source.losses(), filters: { attached, left: await filters(name) } });
