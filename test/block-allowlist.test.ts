/** What is never blocked: the addresses that this host cannot live without. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { addressRange } from '../collector/block/address-range.ts';
import { findVitalAddresses, ipv4Gateways, ipv6Gateways, loggedIn } from '../collector/block/vital-addresses.ts';
import { missing, named, sh } from './ebpf-machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'vigia-allow-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('what a host cannot live without', () => {
  it('is found in the files of the system', async () => {
    const root = join(folder, 'root');
    const at = (path: string, contents: string | Buffer): void => {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), contents);
    };
    at(
      'proc/self/net/route',
      'Iface\tDestination\tGateway\tFlags\neth0\t00000000\t0102A8C0\t0003\neth0\t0002A8C0\t00000000\t0001\n',
    );
    at(
      'proc/self/net/ipv6_route',
      `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 fe800000000000000000000000000001 0 0 0 0 eth0\n`,
    );
    at('etc/resolv.conf', '# name servers\nnameserver 192.0.2.53\n nameserver fe80::53%eth0\nsearch example.com\n');
    at('run/systemd/sessions/4', 'UID=0\nREMOTE=1\nREMOTE_HOST=198.51.100.20\n');
    at('run/systemd/sessions/5', 'UID=0\nREMOTE=0\n');
    at(
      'run/utmp',
      utmp([
        [7, '198.51.100.21'],
        [8, '198.51.100.22'],
        [7, ':0'],
        [7, ''],
      ]),
    );
    const found = await findVitalAddresses([addressRange('10.0.0.0/8')], ['127.0.0.2', 'no such name.invalid'], {
      root,
    });
    const texts = Object.fromEntries(
      Object.entries(found).map(([why, ranges]) => [why, ranges.map(({ text }) => text)]),
    );
    expect(texts).toMatchObject({
      configured: ['10.0.0.0/8'],
      gateway: ['192.168.2.1', 'fe80::1'],
      edge: ['127.0.0.2'],
      'name server': ['192.0.2.53', 'fe80::53'],
      'login session': ['198.51.100.21', '198.51.100.20'],
    });
    expect(texts['own address']).toEqual(expect.arrayContaining(['127.0.0.0/8', '::1']));
  });

  const reason = missing('unshare', 'mount', 'ip');
  it.skipIf(reason)(named('has its gateway also where /proc shows processes only, as in the unit', reason), () => {
    const module = join(import.meta.dirname, '../collector/block/vital-addresses.ts');
    const find = `const { findVitalAddresses } = await import(${JSON.stringify(module)});
      console.log((await findVitalAddresses([], [])).gateway.map(({ text }) => text).join());`;
    const inside = `set -e
      ip link add gw0 type veth peer gw1; ip link set gw0 up; ip link set gw1 up
      ip address add 192.0.2.2/24 dev gw0; ip route add default via 192.0.2.1
      mount -t proc -o subset=pid proc /proc; test ! -e /proc/net
      exec "$0" --input-type=module -e "$1"`;
    expect(sh('unshare', '--mount', '--net', 'sh', '-c', inside, process.execPath, find)).toBe('192.0.2.1\n');
  });

  it('is nothing where the files hold nonsense', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const address of [...ipv4Gateways(text), ...ipv6Gateways(text)]) addressRange(address);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => void loggedIn(bytes)));
  });
});

function utmp(records: [type: number, host: string][]): Buffer {
  return Buffer.concat(
    records.map(([type, host]) => {
      const record = Buffer.alloc(384);
      record.writeInt16LE(type, 0);
      record.write(host, 76);
      return record;
    }),
  );
}
