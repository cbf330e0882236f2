/** How the eBPF source starts, goes on, fails and ends. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../collector/sources/clock.ts';
import { ebpfSource } from '../collector/sources/ebpf.ts';
import { SourceError } from '../collector/sources/source.ts';
import { type NetworkWindow, networkWindow } from '../contract/network-window.ts';
import { FAR_ADDRESS, finish, type Link, makeLink, observe, observed, programs, start } from './ebpf-link.ts';
import { missing, named, sh } from './ebpf-machine.ts';

const reason = missing('ip', 'tc', 'sysctl', 'ping', 'setpriv', 'unshare', 'mount');
const SOURCE = fileURLToPath(new URL('../collector/sources/ebpf.ts', import.meta.url));

/** Another user can only run what it can read. */
const asNobody = ['--reuid=65534', '--clear-groups'];
const readable = !reason && spawnSync('setpriv', [...asNobody, realpathSync(process.execPath), SOURCE]).status === 0;
const unreadable = readable ? '' : 'needs a clone that every user can read';

/** A collector in a process of its own: prints each window, or the error. */
const script = (name: string, hook = 'undefined') => `
  import { ebpfSource } from ${JSON.stringify(SOURCE)};
  const spec = { interface: '${name}', period_ms: 200, host: 'h', group: 'g', hook: ${hook} };
  try {
    for await (const window of ebpfSource(spec).windows(new AbortController().signal)) console.log('window', window.id);
  } catch (error) {
    console.log(error.name + ': ' + error.message);
  }
`;
const node = (code: string) => ['--input-type=module', '-e', code];

async function failure(windows: AsyncGenerator<NetworkWindow>): Promise<unknown> {
  try {
    for await (const _ of windows);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe.skipIf(reason)(named('the eBPF source', reason), () => {
  let link: Link;
  beforeAll(() => {
    link = makeLink('l', true);
  });
  afterAll(() => link.remove());

  it('yields windows of the contract that touch each other, on multiples of the period', async () => {
    const { windows } = await observe({ interface: link.near, period_ms: 200 }, async () => {
      await finish('ping', '-c', '4', '-i', '0.2', FAR_ADDRESS);
    });
    expect(windows.length).toBeGreaterThanOrEqual(2);
    for (const window of windows) expect(networkWindow.parse(window)).toEqual(window);
    const starts = windows.map(({ start }) => Date.parse(start));
    for (const [i, { duration_s }] of windows.slice(0, -1).entries())
      expect(Math.abs(starts[i]! + duration_s * 1000 - starts[i + 1]!)).toBeLessThan(100);
    expect(windows.reduce((sum, { icmp_packets }) => sum + (icmp_packets ?? 0), 0)).toBe(8);
    const [first] = windows.flatMap(({ sources }) => sources ?? []);
    expect(first).toMatchObject({ ip: FAR_ADDRESS });
  });

  it('leaves nothing attached when it is stopped, and yields the last, partial window', async () => {
    const { windows } = await observe({ interface: link.near }, async () => {
      expect(programs(link.near)).toBe(2);
      await finish('ping', '-c', '1', FAR_ADDRESS);
    });
    expect(windows).toMatchObject([{ icmp_packets: 2, tcp_ratio: 0.5 }]);
    expect(programs(link.near)).toBe(0);
  });

  it('leaves nothing attached when its consumer breaks off', async () => {
    for await (const _ of observed({ interface: link.near, period_ms: 100 }).windows(new AbortController().signal))
      break;
    expect(programs(link.near)).toBe(0);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('leaves nothing attached when its process gets %s', async (signal) => {
    const child = await start(/window/, process.execPath, ...node(script(link.near)));
    expect(programs(link.near)).toBe(2);
    child.kill(signal);
    await once(child, 'exit');
    for (let tries = 0; programs(link.near) > 0 && tries < 50; tries++) await delay(20);
    expect(programs(link.near)).toBe(0);
  });

  it('removes clsact filters when its process exits without stopping it', async () => {
    const code = script(link.near, "'clsact'").replace('console.log(', 'process.exit(0); console.log(');
    const { status, stderr } = spawnSync(process.execPath, node(code), { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(programs(link.near)).toBe(0);
  });

  it('removes clsact filters that SIGKILL left, and none of a collector that lives', async () => {
    const collector = () => start(/window/, process.execPath, ...node(script(link.near, "'clsact'")));
    const killed = async (child: Awaited<ReturnType<typeof start>>): Promise<void> => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    };
    await killed(await collector());
    expect(programs(link.near)).toBe(2);
    const second = await collector();
    const third = await collector();
    expect(programs(link.near)).toBe(4);
    await killed(second);
    await killed(third);
    const code = script(link.near, "'clsact'").replace('console.log(', 'process.exit(0); console.log(');
    expect(spawnSync(process.execPath, node(code)).status).toBe(0);
    expect(programs(link.near)).toBe(0);
  });

  it('observes an interface that another collector observes too, each with its own counts and identities', async () => {
    let second: NetworkWindow[] = [];
    const { windows: first } = await observe({ interface: link.near }, async () => {
      ({ windows: second } = await observe({ interface: link.near }, async () => {
        expect(programs(link.near)).toBe(4);
        await finish('ping', '-c', '3', '-i', '0.2', FAR_ADDRESS);
      }));
      await finish('ping', '-c', '1', FAR_ADDRESS);
    });
    expect(second[0]?.icmp_packets).toBe(6);
    expect(first[0]?.icmp_packets).toBe(8);
    expect(first[0]?.id).not.toBe(second[0]?.id);
    expect(programs(link.near)).toBe(0);
  });

  it('yields what it has and then a clear error when the interface vanishes', async () => {
    const lost = makeLink('v');
    const windows: NetworkWindow[] = [];
    const source = observed({ interface: lost.near, period_ms: 200 });
    const error = await (async () => {
      try {
        for await (const window of source.windows(new AbortController().signal)) {
          windows.push(window);
          if (windows.length === 2) lost.remove();
        }
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(windows.length).toBe(3);
    expect(error).toBeInstanceOf(SourceError);
    expect(String(error)).toMatch(/ebpf:vgkv0: the interface has vanished/);
  });

  it('keeps identities unique while the wall clock steps back', async () => {
    let wall_ms = Date.UTC(2026, 0, 1);
    const clock = { ...systemClock, wall_ms: () => (wall_ms -= 50) };
    const ids = new Set<string>();
    const spec = { interface: link.near, period_ms: 40, host: 'h', group: 'g' };
    for await (const { id, duration_s } of ebpfSource(spec, clock).windows(new AbortController().signal)) {
      expect(duration_s).toBeGreaterThan(0);
      expect(duration_s).toBeLessThan(5);
      expect(ids.has(id)).toBe(false);
      if (ids.add(id).size === 5) break;
    }
  });

  it('gives back every descriptor and mapping, however often it starts', async () => {
    const again = () => observe({ interface: link.near }, async () => {});
    await again();
    const descriptors = readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 10; i++) await again();
    expect(readdirSync('/proc/self/fd').length).toBe(descriptors);
    expect(readFileSync('/proc/self/maps', 'utf8')).not.toContain('bpf-map');
  });

  it('reads a tunnel, whose packets have no link header', async () => {
    sh('ip', 'tuntap', 'add', 'mode', 'tun', 'name', 'vgktun');
    try {
      sh('sysctl', '-qw', 'net.ipv6.conf.vgktun.disable_ipv6=1');
      sh('ip', 'address', 'add', '10.213.8.1/24', 'dev', 'vgktun');
      sh('ip', 'link', 'set', 'vgktun', 'up');
      const { windows } = await observe({ interface: 'vgktun' }, async () => {
        spawnSync('ping', ['-c', '1', '-W', '1', '10.213.8.2']);
      });
      expect(windows[0]).toMatchObject({ packets: 1, bytes: 84, icmp_packets: 1, unique_ips: 1 });
    } finally {
      sh('ip', 'link', 'del', 'vgktun');
    }
  });

  it('names the interfaces that there are when the one asked for is missing', async () => {
    const error = await failure(observed({ interface: 'vgknone' }).windows(new AbortController().signal));
    expect(error).toBeInstanceOf(SourceError);
    expect(String(error)).toMatch(/ebpf:vgknone: there is no such interface here\. There are: .*\blo\b.*vgkl0/);
  });

  it('says that an object is not one', async () => {
    const spec = { interface: link.near, object: new Uint8Array(64) };
    const error = await failure(observed(spec).windows(new AbortController().signal));
    expect(error).toBeInstanceOf(SourceError);
    expect(programs(link.near)).toBe(0);
  });

  it.skipIf(unreadable)(named('names the missing capabilities and how to get them', unreadable), () => {
    const program = [realpathSync(process.execPath), ...node(script(link.near))];
    const output = sh('setpriv', ...asNobody, '--bounding-set=-all', ...program);
    expect(output).toMatch(/SourceError: ebpf:vgkl0: no permission: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON missing/);
    expect(output).toMatch(/AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_PERFMON/);
  });

  it.skipIf(unreadable)(named('works without root with just the three capabilities', unreadable), () => {
    const capabilities = '+bpf,+net_admin,+perfmon';
    const code = script(link.near).replace("console.log('window', window.id)", "{ console.log('window'); break; }");
    const output = sh(
      ...(['setpriv', ...asNobody, '--no-new-privs'] as const),
      ...[
        `--inh-caps=${capabilities}`,
        `--ambient-caps=${capabilities}`,
        realpathSync(process.execPath),
        ...node(code),
      ],
    );
    expect(output).toBe('window\n');
  });

  it('names the package to install where libbpf is missing', () => {
    const library = sh('sh', '-c', 'ldconfig -p | sed -n "s/.*libbpf.so.1 .*=> //p" | head -1').trim();
    const hide = `mount --bind /dev/null ${realpathSync(library)} && exec "$0" "$@"`;
    const output = sh('unshare', '-m', 'sh', '-c', hide, process.execPath, ...node(script(link.near)));
    expect(output).toMatch(/SourceError: ebpf:vgkl0: libbpf\.so\.1 is missing\. Install it: apt-get install libbpf1/);
  });
});
