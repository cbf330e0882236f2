/** The Debian package of the collector, for hosts without npm and Node: executable, unit, settings. */
import { createHash } from 'node:crypto';
import { chmodSync, globSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import packageJson from '../package.json' with { type: 'json' };
import { documentation } from './documentation.ts';
import { type Executable, KOFFI } from './executable.ts';
import { licencesOf } from './licences.ts';
import { BuildError, ROOT, run } from './run.ts';

const NAME = 'vigia-collector';
const DOCUMENTATION = `usr/share/doc/${NAME}`;
const SETTINGS = 'etc/vigia/collector.env';
const SCRIPTS = ['postinst', 'prerm', 'postrm'];

/** Node's are the newest symbols in it; Debian 12 and Ubuntu 24.04 have more than that. */
const DEPENDS = 'libbpf1, libc6 (>= 2.28), libgcc-s1 (>= 3.4), libstdc++6 (>= 5)';

/** Lines of infra/vigia-collector.service, which is for a clone, and what they are in the package. */
const UNIT_LINES = [
  [/^# .*\n/, '# The collector as a systemd service. Settings: /etc/vigia/collector.env; token: /etc/vigia/token.\n'],
  [/^Documentation=.*$/m, `Documentation=file:/${DOCUMENTATION}/docs/collector.md`],
  [/^ExecStartPre=\S+ \S+\/cli\/vigia\.ts/m, 'ExecStartPre=/usr/bin/vigia'],
  [/^ExecStart=\S+ \S+\/cli\/vigia\.ts/m, 'ExecStart=/usr/bin/vigia'],
] as const;

/** Writes vigia-collector_VERSION_amd64.deb; the same commit and tools give the same bytes. */
export function buildDebianPackage(out: string, { file, metafile }: Executable): string {
  const tree = join(out, 'debian');
  rmSync(tree, { recursive: true, force: true });
  const place = (path: string, contents: string | Uint8Array, mode = 0o644): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), contents);
    chmodSync(join(tree, path), mode);
  };
  const source = (path: string): Buffer => readFileSync(join(ROOT, path));

  mkdirSync(join(tree, 'usr/bin'), { recursive: true });
  linkSync(file, join(tree, 'usr/bin/vigia')); // as large as it is, not copied
  place('usr/lib/vigia/koffi.node', readFileSync(KOFFI));
  place('usr/lib/systemd/system/vigia-collector.service', unit());
  place(SETTINGS, source('packaging/debian/collector.env'), 0o640);
  for (const path of documentation()) place(`${DOCUMENTATION}/${path}`, source(path));
  place(`${DOCUMENTATION}/changelog.gz`, gzipSync(source('CHANGELOG.md')));
  place(`${DOCUMENTATION}/copyright`, source('packaging/debian/copyright'));
  place(`${DOCUMENTATION}/licences.gz`, gzipSync(licencesOf(metafile)));

  const files = globSync('**', { cwd: tree, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(tree.length + 1))
    .sort();
  const md5 = (path: string): string =>
    createHash('md5')
      .update(readFileSync(join(tree, path)))
      .digest('hex');
  place(
    'DEBIAN/md5sums',
    files
      .filter((path) => path !== SETTINGS)
      .map((path) => `${md5(path)}  ${path}\n`)
      .join(''),
  );
  place('DEBIAN/conffiles', `/${SETTINGS}\n`);
  place('DEBIAN/control', control(files.reduce((bytes, path) => bytes + statSync(join(tree, path)).size, 0)));
  for (const script of SCRIPTS) place(`DEBIAN/${script}`, source(`packaging/debian/${script}`), 0o755);
  for (const folder of globSync('**/', { cwd: tree })) chmodSync(join(tree, folder), 0o755);
  chmodSync(tree, 0o755);

  const archive = join(out, `${NAME}_${packageJson.version}_amd64.deb`);
  // One thread: zstd divides its input otherwise where there are more.
  run('dpkg-deb', ['--root-owner-group', '-Zzstd', '-z9', '--threads-max=1', '--build', tree, archive], {
    env: { SOURCE_DATE_EPOCH: sourceDate_s() },
  });
  rmSync(tree, { recursive: true });
  return archive;
}

function control(installed_bytes: number): string {
  return `Package: ${NAME}
Version: ${packageJson.version}
Architecture: amd64
Maintainer: The authors of Vigía <maintainers@vigia.invalid>
Installed-Size: ${Math.ceil(installed_bytes / 1024)}
Depends: ${DEPENDS}
Section: net
Priority: optional
Description: threat detection for fleets of hosts: the collector
 Counts the traffic of an interface with eBPF and reads the log of logins, and
 posts what it saw to an edge of Vigía. It needs Linux 5.8 or later. The
 service is neither enabled nor started before /etc/vigia/collector.env says
 where to post.
`;
}

function unit(): string {
  return UNIT_LINES.reduce(
    (text, [line, packaged]) => {
      if (!line.test(text))
        throw new BuildError(`infra/vigia-collector.service has no line ${line}; see debian-package.ts`);
      return text.replace(line, packaged);
    },
    readFileSync(join(ROOT, 'infra/vigia-collector.service'), 'utf8'),
  );
}

/** When the sources were changed last: https://reproducible-builds.org/specs/source-date-epoch/ */
function sourceDate_s(): string {
  if (process.env.SOURCE_DATE_EPOCH) return process.env.SOURCE_DATE_EPOCH;
  try {
    return run('git', ['log', '-1', '--format=%ct']).trim();
  } catch (cause) {
    throw new BuildError('there is no commit to date the Debian package by; set SOURCE_DATE_EPOCH', { cause });
  }
}
