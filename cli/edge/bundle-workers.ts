/** Bundles the three Workers as wrangler does, minified too, for the embedded runtime and for tests: one file of JavaScript each, and their wasm beside it. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** .ts in a clone, .js in the npm package. */
const SUFFIX = extname(import.meta.url);

/** Name of each Worker, as its wrangler.toml has it, and its entry point. */
export const WORKERS = {
  vigia: 'functions/detect/index.ts',
  'vigia-train': 'functions/train/index.ts',
  'vigia-classify': 'functions/classify/index.ts',
} as const;

export type WorkerName = keyof typeof WORKERS;

/** As in each wrangler.toml; a test compares them. */
export const COMPATIBILITY_DATE = '2026-10-19';

export interface WorkerModule {
  readonly type: 'ESModule' | 'CompiledWasm';
  readonly path: string;
  readonly contents: string | Uint8Array<ArrayBuffer>;
}

/** The AWS SDK's browser build parses answers with a DOM, which workerd has not. As in the wrangler.toml of detect and train. */
const ALIASES = { '@aws-sdk/xml-builder': '@aws-sdk/xml-builder/dist-cjs/index.js' };

const ENTRIES = {
  ...WORKERS,
  /** What `vigia serve` runs as the public Worker. */
  'self-hosted': 'functions/detect/self-hosted.ts',
  /** What it binds in place of objects that live in another process. */
  'remote-objects': 'functions/detect/remote-objects.ts',
} as const;

/** The modules of a Worker, the entry first. */
export function bundleWorker(name: keyof typeof ENTRIES): Promise<WorkerModule[]> {
  const file = ENTRIES[name];
  const entry = `./${file.replace(/\.ts$/, SUFFIX)}`;
  return bundleSource(`export * from '${entry}'; export { default } from '${entry}';`);
}

/** The modules of a Worker whose entry is this text, with imports from the root of the repository. */
export async function bundleSource(contents: string): Promise<WorkerModule[]> {
  const wasm = new Map<string, WorkerModule>();
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT },
    absWorkingDir: ROOT, // aliases are looked up from there, and a service runs in /
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    mainFields: ['browser', 'module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    alias: ALIASES,
    define: { 'process.env.NODE_ENV': '"production"' },
    minify: true,
    loader: { '.html': 'text' },
    logLevel: 'silent',
    plugins: [collectWasm(wasm)],
  });
  const code = outputFiles[0]?.text ?? '';
  return [{ type: 'ESModule', path: 'index.mjs', contents: code }, ...wasm.values()];
}

/** Leaves `.wasm` imports to the runtime, which takes them as compiled modules, and gathers their files. */
function collectWasm(found: Map<string, WorkerModule>): Plugin {
  return {
    name: 'wasm',
    setup(builder) {
      builder.onResolve({ filter: /\.wasm$/ }, async ({ path, importer, resolveDir }) => {
        const file = path.startsWith('.')
          ? join(dirname(importer), path)
          : createRequire(join(resolveDir, 'index.js')).resolve(path);
        const contents = new Uint8Array(await readFile(file));
        const hash = createHash('sha256').update(contents).digest('hex').slice(0, 16);
        const module: WorkerModule = { type: 'CompiledWasm', path: `${hash}-${basename(file)}`, contents };
        found.set(module.path, module);
        return { path: `./${module.path}`, external: true };
      });
    },
  };
}
