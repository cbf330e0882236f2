/** The single executable: Node with the bundled command line and its files inside. */
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { ROOT, run } from './run.ts';

/** Node's own mark of where the blob belongs: https://nodejs.org/docs/latest-v24.x/api/single-executable-applications.html */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const require = createRequire(import.meta.url);

/** The native part of koffi, as glibc has it. */
export const KOFFI = join(dirname(require.resolve('@koromix/koffi-linux-x64')), 'linux_x64/koffi.node');

/** Read by `shippedFile` and the loader of koffi, under their last names. */
const ASSETS = [
  join(ROOT, 'collector/bpf/vigia.bpf.o'),
  require.resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'),
  KOFFI,
];

export interface Executable {
  readonly file: string;
  /** What went into the bundle. */
  readonly metafile: Metafile;
}

/** Writes `vigia`, from this process's own Node. */
export async function buildExecutable(out: string): Promise<Executable> {
  const work = join(out, 'executable');
  mkdirSync(work, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['cli/executable.ts'],
    outfile: join(work, 'vigia.cjs'),
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    // The whole text stays in memory while it runs: 5 MB less.
    minify: true,
    metafile: true,
    alias: { koffi: './packaging/koffi-native.ts' },
    // A bundle has no address of its own; what asks for one resolves nothing from it.
    banner: { js: 'const executable_url = require("node:url").pathToFileURL(process.execPath).href;' },
    define: { 'import.meta.url': 'executable_url' },
    logLevel: 'warning',
  });
  const assets = Object.fromEntries(ASSETS.map((file) => [basename(file), file]));
  // The name of `main` gets into the blob: a relative one, so that no path of this machine does.
  const config = { main: 'vigia.cjs', output: 'vigia.blob', assets, disableExperimentalSEAWarning: true };
  writeFileSync(join(work, 'sea.json'), JSON.stringify(config));
  run(process.execPath, ['--experimental-sea-config', 'sea.json'], { in: work });
  const file = join(out, 'vigia');
  copyFileSync(process.execPath, file);
  chmodSync(file, 0o755);
  const postject = join(dirname(require.resolve('postject')), 'cli.js');
  run(process.execPath, [postject, file, 'NODE_SEA_BLOB', join(work, 'vigia.blob'), '--sentinel-fuse', FUSE]);
  rmSync(work, { recursive: true });
  return { file, metafile };
}
