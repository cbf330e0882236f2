// Installs the Debian packages that a job needs and lacks: as root by apt-get, else it prints the exact command.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PATH = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
const LIBRARY_FOLDERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib', '/lib'];

const command = (name) => PATH.some((folder) => existsSync(join(folder, name)));
const library = (name) => LIBRARY_FOLDERS.some((folder) => existsSync(folder) && readdirSync(folder).includes(name));

/** Package, how to see that it is there, and what it is for. */
const COLLECTOR = [['libbpf1', () => library('libbpf.so.1'), 'loads the eBPF program']];
const DRILLS = [
  ['iproute2', () => command('ip'), 'network namespaces'],
  ['procps', () => command('sysctl'), 'kernel settings'],
  ['nmap', () => command('nmap'), 'port scan'],
  ['hping3', () => command('hping3'), 'SYN flood'],
  ['iperf3', () => command('iperf3'), 'ordinary traffic'],
  ['curl', () => command('curl'), 'ordinary traffic'],
];
/** Debian packages that would start a service: unpacked below node_modules with what they depend on; nothing of them is installed. */
const UNPACKED = [
  [['openssh-server'], 'usr/sbin/sshd', 'a server whose passwords are guessed'],
  [['radosgw', 'ceph-mon', 'ceph-osd'], 'usr/bin/radosgw', 'an S3 server; 70 MB'],
  [['prometheus'], 'usr/bin/promtool', 'scrapes and judges the metrics'],
  [['prometheus-node-exporter'], 'usr/bin/prometheus-node-exporter', 'metrics that are not ours'],
  [['nginx'], 'usr/sbin/nginx', 'a proxy before the edge'],
  [['systemd-container'], 'usr/bin/systemd-nspawn', 'boots a copy of this machine'],
];
const UNPACKED_FOR_BENCH = [
  [['softflowd'], 'usr/sbin/softflowd', 'a peer of the collector'],
  [['pmacct'], 'usr/sbin/pmacctd', 'a peer of the collector'],
  [['fail2ban'], 'usr/bin/fail2ban-regex', 'a peer of the reader of logins'],
];
const UNPACK_FOLDER = fileURLToPath(new URL('../node_modules/.vigia', import.meta.url));

const TESTS = [
  ['clang', () => command('clang'), 'builds the eBPF program'],
  ['llvm', () => command('llvm-strip'), 'strips it'],
  ['libbpf-dev', () => existsSync('/usr/include/bpf/bpf_helpers.h'), 'its headers'],
  ['iputils-ping', () => command('ping'), 'single packets'],
  ['openssl', () => command('openssl'), 'certificates'],
  ['tcpdump', () => command('tcpdump'), 'counts to compare with'],
  ['tcpreplay', () => command('tcpreplay'), 'replays captures'],
  ['wireshark-common', () => command('capinfos'), 'counts to compare with'],
  ['python3-sklearn', () => existsSync('/usr/lib/python3/dist-packages/sklearn'), 'labels to compare with'],
  ['hydra', () => command('hydra'), 'guesses passwords'],
  ['libwrap0', () => library('libwrap.so.0'), 'what sshd needs'],
  ['libgssapi-krb5-2', () => library('libgssapi_krb5.so.2'), 'what sshd needs'],
  ['systemd', () => command('systemd-analyze'), 'checks the unit'],
  ['wrk', () => command('wrk'), 'load'],
  ['linux-libc-dev-arm64-cross', () => existsSync('/usr/aarch64-linux-gnu/include/asm/types.h'), 'headers of arm64'],
  ['qemu-system-x86', () => command('qemu-system-x86_64'), 'boots other kernels'],
  ['busybox-static', () => command('busybox'), 'their first process'],
  ['cpio', () => command('cpio'), 'packs their files'],
  ['bpftool', () => command('bpftool'), 'shows what is attached'],
  ['chromium', () => command('chromium'), 'a browser that opens the dashboard'],
];
const BENCHMARKS = [
  ['ethtool', () => command('ethtool'), 'frames as on a wire'],
  ['python3-flask', () => existsSync('/usr/lib/python3/dist-packages/flask'), 'the peer'],
  ['gunicorn', () => command('gunicorn'), 'the peer'],
];

const PACKAGES = {
  start: [...COLLECTOR, ...DRILLS],
  test: [...COLLECTOR, ...DRILLS, ...TESTS],
  bench: [...COLLECTOR, ...DRILLS, ...TESTS, ...BENCHMARKS],
};

/**
 * @param {'start' | 'test' | 'bench'} job
 * @returns {boolean} whether anything was installed
 */
export function installSystemPackages(job) {
  const missing = PACKAGES[job].filter(([, present]) => !present());
  if (missing.length === 0) return false;
  const names = missing.map(([name]) => name);
  const byHand = `apt-get update && apt-get install -y --no-install-recommends ${names.join(' ')}`;
  if (process.getuid?.() !== 0 || !command('apt-get')) {
    console.error(`setup: not installed here: ${missing.map(([name, , use]) => `${name} (${use})`).join(', ')}`);
    console.error(
      `setup: what needs them is left out and says so. To have it, as root on Debian or Ubuntu:\n  ${byHand}`,
    );
    return false;
  }
  console.error(`setup: installing by apt-get: ${names.join(' ')}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) =>
    spawnSync('apt-get', ['-qq', '-o', 'Dpkg::Use-Pty=0', ...args], { env: environment, encoding: 'utf8' });
  apt('update');
  const install = apt('install', '-y', '--no-install-recommends', ...names);
  if (install.status !== 0) {
    console.error(install.stdout + install.stderr);
    console.error(`setup: apt-get failed; mend what it says above, or run by hand:\n  ${byHand}`);
    process.exit(1);
  }
  return true;
}

/**
 * Unpacks what the tests need of packages that would start a service.
 * @returns {boolean} whether anything was unpacked
 */
export function unpackSystemPackages(job) {
  const wanted = job === 'bench' ? [...UNPACKED, ...UNPACKED_FOR_BENCH] : UNPACKED;
  const absent = wanted.filter(([, file]) => !existsSync(join('/', file)) && !existsSync(join(UNPACK_FOLDER, file)));
  if (absent.length === 0 || process.getuid?.() !== 0 || !command('apt-get')) return false;
  mkdirSync(UNPACK_FOLDER, { recursive: true });
  for (const [names, , use] of absent) {
    console.error(`setup: unpacking ${names.join(' ')} below node_modules (${use})`);
    const failure = unpackWithDependencies(names);
    if (failure !== null) console.error(`setup: ${names.join(' ')} not unpacked: ${failure}`);
  }
  return true;
}

/** Unpacks what an installation of the packages would add to this machine. Returns what went wrong, or null. */
function unpackWithDependencies(names) {
  const planned = spawnSync('apt-get', ['-qq', '-s', 'install', '--no-install-recommends', ...names], {
    encoding: 'utf8',
  });
  const all = [...planned.stdout.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name);
  if (planned.status !== 0 || all.length === 0) return planned.stderr;
  const folder = mkdtempSync(join(tmpdir(), 'vigia-unpack-'));
  try {
    const got = spawnSync('apt-get', ['-qq', 'download', ...all], { cwd: folder, encoding: 'utf8' });
    if (got.status !== 0) return got.stderr;
    for (const file of readdirSync(folder)) {
      const unpacked = spawnSync('dpkg-deb', ['-x', join(folder, file), UNPACK_FOLDER], { encoding: 'utf8' });
      if (unpacked.status !== 0) return unpacked.stderr;
    }
    return null;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
