/** The npm package: the same tree as JavaScript, since Node runs no TypeScript below node_modules. */
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { ROOT, run } from './run.ts';

/** Shipped as they are, beside what tsc makes of the TypeScript. */
const AS_THEY_ARE = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'collector/bpf',
  'functions/detect/generated/dashboard.json',
  'functions/detect/generated/docs.html',
  'functions/detect/generated/openapi.json',
  'functions/detect/generated/validators.js',
];

/** Writes vigia-VERSION.tgz. */
export function buildNpmPackage(out: string): string {
  const tree = join(out, 'npm');
  rmSync(tree, { recursive: true, force: true });
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'packaging/tsconfig.json', '--outDir', tree]);
  for (const path of AS_THEY_ARE) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    cpSync(join(ROOT, path), join(tree, path), { recursive: true });
  }
  mkdirSync(join(tree, 'bin'));
  copyFileSync(join(ROOT, 'packaging/launcher.mjs'), join(tree, 'bin/vigia.mjs'));
  writeJson(join(tree, 'package.json'), manifest());
  writeJson(join(tree, 'npm-shrinkwrap.json'), shrinkwrap());
  run('chmod', ['-R', 'u=rwX,go=rX', tree]); // whatever the umask of who cloned or builds
  run('npm', ['pack', tree, '--pack-destination', out, '--silent']);
  rmSync(tree, { recursive: true });
  return join(out, `vigia-${packageJson.version}.tgz`);
}

/** Stays private: it is handed out as a file, and `npm publish` refuses it. */
function manifest(): object {
  const { name, version, description, license, type, dependencies } = packageJson;
  return {
    name,
    version,
    private: true,
    description,
    license,
    type,
    bin: { vigia: 'bin/vigia.mjs' },
    engines: { node: '>=24' },
    os: ['linux'],
    files: ['bin', 'cli', 'collector', 'contract', 'functions', 'models', 'CHANGELOG.md', 'npm-shrinkwrap.json'],
    dependencies,
  };
}

interface Lock {
  packages: Record<string, { dev?: true; [field: string]: unknown }>;
}

/** The versions of package-lock.json, for whoever installs the package too. */
function shrinkwrap(): object {
  const lock: Lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const shipped = Object.entries(lock.packages).filter(([path, { dev }]) => path !== '' && !dev);
  const { name, version, license, dependencies } = packageJson;
  return { ...lock, packages: { '': { name, version, license, dependencies }, ...Object.fromEntries(shipped) } };
}

function writeJson(file: string, json: object): void {
  writeFileSync(file, `${JSON.stringify(json, null, 2)}\n`);
}
