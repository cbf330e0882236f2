/** The source `ebpf:PATTERN`: interfaces that come and go, a bound, links it cannot read, and the containers behind veths. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { containerId } from '../collector/kernel/veth-containers.ts';
import { type EbpfPatternSpec, ebpfPatternSource } from '../collector/sources/ebpf-pattern.ts';
import { matcher, overlap } from '../collector/sources/interface-pattern.ts';
import { SourceError } from '../collector/sources/source.ts';
import { type NetworkWindow, networkWindow } from '../contract/network-window.ts';
import { label } from '../contract/quantity.ts';
import { FAR_ADDRESS, finish, type Link, makeLink, programs, start } from './ebpf-link.ts';
import { missing, named, sh } from './ebpf-machine.ts';
import { until } from './edge-stand-in.ts';

const reason = missing('ip', 'tc', 'sysctl', 'ping', 'unshare', 'mount', 'setpriv', 'python3');
const folder = mkdtempSync(join(tmpdir(), 'vigia-pattern-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a pattern', () => {
  it.each([
    ['veth*', 'veth12', true],
    ['veth*', 'xveth', false],
    ['*', 'eth0', true],
    ['*', 'lo', false],
    ['l*', 'lo', false],
    ['e*0', 'eth0', true],
    ['e*0', 'eth1', false],
    ['eth.*', 'eth0', false],
    ['eth.*', 'eth.7', true],
  ])('%s means %s: %s', (pattern, name, isMeant) => expect(matcher(pattern)(name)).toBe(isMeant));

  it.each([
    ['veth*', 'eth*', false],
    ['*0', 'eth*', true],
    ['a*', '*b', true],
    ['a*c', 'ab*d', false],
    ['eth0', 'eth0', true],
    ['*', 'lo', false],
  ])('%s and %s meet: %s', (one, other, doMeet) => {
    expect(overlap(one, other)).toBe(doMeet);
    expect(overlap(other, one)).toBe(doMeet);
  });
});

it('a container without a host name is called by the first digits of its id', () => {
  const id = '0123456789abcdef'.repeat(4);
  expect(containerId(`0::/system.slice/docker-${id}.scope\n`)).toBe('0123456789ab');
  expect(containerId(`0::/kubepods/burstable/pod1b2c/${id}\n`)).toBe('0123456789ab');
  expect(containerId('0::/user.slice\n')).toBeNull();
});

/** A tap that says its frames begin with a radio header (ARPHRD_IEEE80211_RADIOTAP), for as long as the process lives. */
const RADIO_TAP = (name: string): string => `
import fcntl, struct, time
tap = open('/dev/net/tun', 'r+b', buffering=0)
fcntl.ioctl(tap, 0x400454ca, struct.pack('16sH22x', b'${name}', 0x1002))
fcntl.ioctl(tap, 0x400454cd, 803)
print('ready', flush=True)
time.sleep(60)
`;

interface Watch {
  windows: NetworkWindow[];
  told: { event: string; interface?: unknown }[];
  source: ReturnType<typeof ebpfPatternSource>;
  of(name: string): NetworkWindow[];
  stop(): Promise<void>;
}

function watch(spec: Partial<EbpfPatternSpec>): Watch {
  const windows: NetworkWindow[] = [];
  const told: Watch['told'] = [];
  const stopping = new AbortController();
  const source = ebpfPatternSource(
    { pattern: 'vgkw*', period_ms: 200, host: 'test', group: 'default', ...spec },
    (event, facts) => told.push({ event, ...facts }),
  );
  const running = (async () => {
    for await (const window of source.windows(stopping.signal)) windows.push(window);
  })();
  running.catch(() => {});
  return {
    windows,
    told,
    source,
    of: (name) => windows.filter((window) => window.interface === name),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

describe.skipIf(reason)(named('the source ebpf:PATTERN', reason), () => {
  const links: Link[] = [];
  const children: ChildProcess[] = [];
  const link = (name: string, addresses = false): Link => {
    const made = makeLink(name, addresses);
    links.push(made);
    return made;
  };
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const one of links.splice(0)) one.remove();
  });

  it('watches an interface when it comes, and another of the same name when that has gone; nothing stays attached', async () => {
    const watching = watch({});
    const first = link('w', true);
    await until('windows of the first', () => watching.of('vgkw0').length > 2);
    await finish('ping', '-c', '2', '-i', '0.2', FAR_ADDRESS);
    const second = link('wq');
    await until('windows of the second', () => watching.of('vgkwq0').length > 2);
    const pinged = watching.of('vgkw0').flatMap(({ sources = [] }) => sources.filter(({ ip }) => ip === FAR_ADDRESS));
    expect(pinged.reduce((sum, { packets }) => sum + packets, 0)).toBe(4);
    expect(watching.source.traffic?.().map((one) => one.interface)).toEqual(['vgkw0', 'vgkwq0']);

    first.remove();
    await until('the first has gone', () => watching.told.some(({ event }) => event === 'interface_gone'));
    const before = watching.of('vgkw0').length;
    link('w', true);
    await until('windows of the new one', () => watching.of('vgkw0').length > before + 2);

    await watching.stop();
    expect(programs('vgkw0') + programs(second.near)).toBe(0);
    for (const window of watching.windows) expect(networkWindow.parse(window)).toEqual(window);
    const ids = watching.windows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('watches no more than its bound; what is beyond is counted and told once, and gets the room of one that goes', async () => {
    const [one] = [link('w1'), link('w2')];
    const watching = watch({ most: 1 });
    const beyond = (): unknown[] => watching.told.filter(({ event }) => event === 'interface_not_watched');
    await until('the one beyond is told', () => beyond().length > 0);
    await until('windows', () => watching.windows.length > 12);
    expect(beyond()).toMatchObject([{ interface: 'vgkw20' }]);
    expect(watching.source.losses()).toMatchObject({ interface_not_watched: 1 });
    expect(watching.of('vgkw20')).toEqual([]);
    one?.remove();
    await until('windows of the other', () => watching.of('vgkw20').length > 2);
    await watching.stop();
  });

  it('skips a link that it cannot read, says so once, and watches the others', async () => {
    children.push(await start(/^ready$/m, 'python3', '-c', RADIO_TAP('vgkwa0')));
    link('w');
    const watching = watch({});
    await until('windows of the other', () => watching.of('vgkw0').length > 12);
    expect(watching.told).toMatchObject([{ event: 'interface_skipped', interface: 'vgkwa0' }]);
    expect(watching.source.losses()).toMatchObject({ interface_not_watched: 0 });
    await watching.stop();
  });

  it('ends with what is missing where no interface can be watched at all', async () => {
    link('w');
    const watching = watch({ object: new Uint8Array(64) });
    await until('the end', () => watching.source.losses().interface_not_watched !== undefined);
    await expect(watching.stop()).rejects.toThrow(SourceError);
  });

  describe('calls a veth after the container behind it', () => {
    /** Its own /sys (ip netns exec mounts it) and /etc, as a container has them; `etc` fills that. */
    async function container({ namespace }: Link, etc: string): Promise<void> {
      const made = `mount -t tmpfs none /etc && ${etc} && echo ready && exec sleep 60`;
      children.push(await start(/^ready$/m, 'ip', 'netns', 'exec', namespace, 'unshare', '-m', 'sh', '-c', made));
    }

    /** The same with another root, in which `etc` makes /etc. */
    async function containerOfItsOwnRoot({ namespace }: Link, etc: string): Promise<void> {
      const made = `mount -t tmpfs none /mnt && cd /mnt && mkdir usr sys && mount --bind /usr usr && mount -t sysfs sysfs sys
        for name in bin lib lib64; do ln -s usr/$name $name; done; ${etc} && echo ready && exec chroot /mnt sleep 60`;
      children.push(await start(/^ready$/m, 'ip', 'netns', 'exec', namespace, 'unshare', '-m', 'sh', '-c', made));
    }

    it('by its host name, also one that comes after the interface', async () => {
      const [early, late] = [link('w1'), link('w2')];
      await container(early, 'echo web-1 > /etc/hostname');
      const watching = watch({});
      await until('the first', () => watching.of('vgkw10@web-1').length > 1);
      await until('windows before the container', () => watching.of('vgkw20').length > 1);
      await container(late, "echo 'b\u00e4d name' > /etc/hostname");
      await until('the second', () => watching.windows.some((one) => /^vgkw20@b_+d_name$/.test(one.interface)));
      await watching.stop();
      for (const { interface: name, id } of watching.windows) {
        expect(label.safeParse(name).success).toBe(true);
        expect(id).not.toContain('@');
      }
      expect(watching.source.losses()).toMatchObject({ interface_not_watched: 0 });
    });

    it('but follows no link of the container into the host', async () => {
      const [file, whole] = [link('w1'), link('w2')];
      writeFileSync(join(folder, 'hostname'), 'secret');
      await container(file, `ln -s ${join(folder, 'hostname')} /etc/hostname`);
      await containerOfItsOwnRoot(whole, `ln -s ${folder} etc`);
      const watching = watch({});
      await until('windows of both', () => watching.windows.length > 24);
      await watching.stop();
      expect(new Set(watching.windows.map((one) => one.interface))).toEqual(new Set(['vgkw10', 'vgkw20']));
    });

    it('and by its name alone where this process may not look into others', async () => {
      await container(link('w'), 'echo web-1 > /etc/hostname');
      const rights = '+bpf,+net_admin,+perfmon';
      const program = `
        import { ebpfPatternSource } from ${JSON.stringify(join(import.meta.dirname, '../collector/sources/ebpf-pattern.ts'))};
        const spec = { pattern: 'vgkw*', period_ms: 200, host: 'h', group: 'g' };
        for await (const window of ebpfPatternSource(spec, () => {}).windows(new AbortController().signal)) {
          console.log(window.interface);
          break;
        }`;
      const asNobody = [
        '--reuid=65534',
        '--clear-groups',
        '--no-new-privs',
        `--inh-caps=${rights}`,
        `--ambient-caps=${rights}`,
      ];
      const node = [realpathSync(process.execPath), '--input-type=module', '-e', program];
      expect(sh('setpriv', ...asNobody, `--bounding-set=-all,${rights}`, ...node)).toBe('vgkw0\n');
    });
  });
});
