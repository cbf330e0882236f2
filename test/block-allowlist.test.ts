/** What is never blocked: the addresses that this host cannot live without. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import { addressRange } from '../collector/block/address-range.ts';
import { Blocking } from '../collector/block/blocking.ts';
import { KnownNames, type LookUp } from '../collector/block/known-names.ts';
import { ipv4Gateways, ipv6Gateways, loggedIn, VitalAddresses } from '../collector/block/vital-addresses.ts';
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
    at('run/systemd/resolve/resolv.conf', 'nameserver 192.0.2.54\n');
    at('run/systemd/sessions/6', 'UID=0\nREMOTE=1\nREMOTE_HOST=office.example.com\n');
    at('run/systemd/sessions/4', 'UID=0\nREMOTE=1\nREMOTE_HOST=198.51.100.20\n');
    at('run/systemd/sessions/5', 'UID=0\nREMOTE=0\n');
    at(
      'run/utmp',
      utmp([
        [7, '198.51.100.21'],
        [8, '198.51.100.22'],
        [7, ':0'],
        [7, 'tmux(14).%0'],
        [7, 'office.example.com'],
        [7, ''],
      ]),
    );
    const names: Record<string, string[]> = { '127.0.0.2': ['127.0.0.2'], 'office.example.com': ['198.51.100.30'] };
    const asked = new Set<string>();
    const lookUp = async (name: string): Promise<string[]> => {
      asked.add(name);
      return names[name] ?? Promise.reject(new Error('EAI_AGAIN'));
    };
    const { found, unknown } = await new VitalAddresses(['127.0.0.2', 'edge.invalid'], { root }, lookUp).find();
    const texts = Object.fromEntries(
      Object.entries(found).map(([why, ranges]) => [why, ranges.map(({ text }) => text)]),
    );
    expect(texts).toMatchObject({
      gateway: ['192.168.2.1', 'fe80::1'],
      edge: ['127.0.0.2'],
      'name server': ['192.0.2.53', 'fe80::53', '192.0.2.54'],
      'login session': ['198.51.100.21', '198.51.100.20', '198.51.100.30'],
    });
    expect(unknown).toEqual(['edge.invalid']);
    mkdirSync(join(folder, 'bare/etc/resolv.conf'), { recursive: true });
    expect((await new VitalAddresses([], { root: join(folder, 'bare') }).find()).unknown.sort()).toEqual([
      '/etc/resolv.conf (EISDIR)',
      '/proc/self/net/route (ENOENT)',
    ]);
    expect([...asked].sort()).toEqual(['127.0.0.2', 'edge.invalid', 'office.example.com']);
    expect(texts['own address']).toEqual(expect.arrayContaining(['127.0.0.0/8', '::1']));
  });

  const reason = missing('unshare', 'mount', 'ip');
  it.skipIf(reason)(named('has its gateway also where /proc shows processes only, as in the unit', reason), () => {
    const module = join(import.meta.dirname, '../collector/block/vital-addresses.ts');
    const find = `const { VitalAddresses } = await import(${JSON.stringify(module)});
      console.log((await new VitalAddresses([]).find()).found.gateway.map(({ text }) => text).join());`;
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

describe('addresses of names', () => {
  const failing = () => Promise.reject(new Error('EAI_AGAIN'));

  it('stay while name servers are down, until a look-up succeeds; forgotten once nobody asks', async () => {
    let lookUp: LookUp = async () => ['192.0.2.80', '192.0.2.81'];
    const names = new KnownNames((name) => lookUp(name));
    const edge = ['edge.example.com'];
    expect(await names.addressesOf(edge)).toEqual({ addresses: ['192.0.2.80', '192.0.2.81'], unknown: [] });
    lookUp = failing;
    expect(await names.addressesOf(edge)).toEqual({ addresses: ['192.0.2.80', '192.0.2.81'], unknown: [] });
    lookUp = async () => ['192.0.2.82'];
    expect(await names.addressesOf(edge)).toEqual({ addresses: ['192.0.2.82'], unknown: [] });
    await names.addressesOf([]);
    lookUp = failing;
    expect(await names.addressesOf(edge)).toEqual({ addresses: [], unknown: edge });
  });

  it('are bounded, and a look-up that hangs holds nobody up and is not asked twice', async () => {
    let asked = 0;
    const names = new KnownNames((name) => {
      asked++;
      return name === 'host0' ? new Promise(() => {}) : Promise.resolve(Array<string>(100).fill('192.0.2.9'));
    }, 100);
    const many = Array.from({ length: 40 }, (_, i) => `host${i}`);
    const { addresses, unknown } = await names.addressesOf(many);
    expect(addresses).toHaveLength(31 * 64);
    expect(unknown).toEqual(['host0', ...many.slice(32)]);
    expect(asked).toBe(32);
    await names.addressesOf(['host0']);
    expect(asked).toBe(32);
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

it('says once what the allowlist lacks', async () => {
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line) => void lines.push(line) });
  const settings = { block: 'enforce', blockAt: 'tcx', blockFor: 600, allow: [], keepBlocks: false } as const;
  const blocking = new Blocking(settings, ['edge.invalid'], folder, log);
  for (let time = 0; time < 3; time++) await blocking.change(settings);
  expect(lines.filter((line) => line.includes('allowlist_incomplete'))).toEqual([
    expect.stringMatching(/"unknown":"edge\.invalid".*put the addresses into `allow`/),
  ]);
});
