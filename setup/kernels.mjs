// Unpacks the Debian kernels that the tests boot, below node_modules: their image and three modules, nothing is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../node_modules/.vigia/kernels', import.meta.url));
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const BOOKWORM = ['http://deb.debian.org/debian-security bookworm-security'];
/** Debian moves a release from the one to the other when its support ends. */
const BULLSEYE = ['http://deb.debian.org/debian bullseye', 'http://archive.debian.org/debian bullseye'];

/** Release, the package that depends on its newest image, and where that may be. The cloud flavour is the smallest. */
const KERNELS = [
  ['5.10', 'linux-image-cloud-amd64', BULLSEYE],
  ['6.1', 'linux-image-cloud-amd64', BOOKWORM],
  ['6.12', 'linux-image-6.12-cloud-amd64', BOOKWORM],
];
/** The image, and what a veth pair and clsact need; the rest is built in. */
const UNPACK = `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards --transform='s|.*/||' \\
  './boot/vmlinuz-*' '*/veth.ko*' '*/sch_ingress.ko*' '*/cls_bpf.ko*'`;

/** An apt that knows one source and leaves the machine's own lists alone. */
function privateApt(folder, source) {
  for (const name of ['lists/partial', 'archives/partial', 'parts']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'sources.list'), `deb [arch=amd64 signed-by=${KEYRING}] ${source} main\n`);
  const options = {
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': join(folder, 'parts'),
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::Cache': folder,
    'APT::Architecture': 'amd64',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Check-Valid-Until': 'false',
  };
  const settings = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return (command, ...args) =>
    spawnSync(command, ['-q', ...settings, ...args], { cwd: folder, encoding: 'utf8', timeout: 300_000 });
}

/** @returns {string} what went wrong, or '' */
function unpackKernel(release, metaPackage, source) {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-kernel-'));
  try {
    const apt = privateApt(folder, source);
    const update = apt('apt-get', 'update', '--error-on=any');
    if (update.status !== 0) return update.stderr;
    const depends = apt('apt-cache', 'depends', '--important', metaPackage);
    const image = /Depends: (linux-image-\S+)/.exec(depends.stdout)?.[1];
    if (!image) return `${metaPackage} depends on no image: ${depends.stdout}${depends.stderr}`;
    console.error(`setup: unpacking ${image} below node_modules (a kernel to test on)`);
    const got = apt('apt-get', 'download', image);
    const file = readdirSync(folder).find((name) => name.endsWith('.deb'));
    if (!file) return got.stderr;
    const unpacked = join(FOLDER, `${release}.partial`);
    rmSync(unpacked, { recursive: true, force: true });
    mkdirSync(unpacked, { recursive: true });
    const tar = spawnSync('sh', ['-c', UNPACK, 'sh', join(folder, file), unpacked], { encoding: 'utf8' });
    if (tar.status !== 0) return tar.stderr;
    renameSync(unpacked, join(FOLDER, release));
    return '';
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Fetches what is not there yet.
 * @returns {boolean} whether anything was unpacked
 */
export function unpackKernels() {
  const absent = KERNELS.filter(([release]) => !existsSync(join(FOLDER, release)));
  if (absent.length === 0 || process.arch !== 'x64' || !existsSync(KEYRING)) return false;
  for (const [release, metaPackage, sources] of absent) {
    const faults = [];
    for (const source of sources) {
      const fault = unpackKernel(release, metaPackage, source);
      faults.push(fault);
      if (fault === '') break;
    }
    if (!faults.includes('')) console.error(`setup: Linux ${release} was not unpacked: ${faults.join('\n')}`);
  }
  return true;
}
