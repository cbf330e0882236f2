/** The arrows of the architecture: who may import whom, and what only one place may do. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folder → the folders it may import from (itself always). */
const MAY_IMPORT: Record<string, string[]> = {
  contract: [],
  models: ['contract'],
  functions: ['contract', 'models'],
  collector: ['contract', 'models/username'],
  dashboard: ['contract'],
};

/** Package → the folder prefix of the one file that may import it. */
const ONE_PLACE: Record<string, string> = {
  'onnxruntime-web': 'functions/detect/',
  '@tensorflow/tfjs-core': 'models/vae/',
  koffi: 'collector/kernel/',
  '@aws-sdk/client-s3': 'functions/storage/',
};

/** What stays in the memory of every host; standardwebhooks only where webhooks are received. */
const COLLECTOR_PACKAGES = [
  'commander',
  'ipaddr.js',
  'koffi',
  'pino',
  'prom-client',
  'smol-toml',
  'standardwebhooks',
  'zod',
];

interface Import {
  file: string;
  target: string;
}

const files = globSync('{contract,models,functions,collector,dashboard,cli}/**/*.{ts,tsx}', { cwd: root }).sort();

const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(root, file), 'utf8');
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
  return [...found].map(([, target]) => ({ file, target: target ?? '' }));
});

const local = imports
  .filter(({ target }) => target.startsWith('.'))
  .map(({ file, target }) => ({ file, target: normalize(relative(root, join(root, dirname(file), target))) }));

const topFolder = (path: string): string => path.split('/')[0] ?? '';

describe('imports', () => {
  it('point downwards only', () => {
    expect(local.length).toBeGreaterThan(50);
    const wrong = local.filter(({ file, target }) => {
      const allowed = MAY_IMPORT[topFolder(file)];
      if (!allowed || topFolder(target) === topFolder(file)) return false;
      return !allowed.some((folder) => target.startsWith(`${folder}/`));
    });
    expect(wrong).toEqual([]);
  });

  // A .wasm file is an asset that an entry hands over; the library is what may be known in one file.
  it.each(Object.entries(ONE_PLACE))('%s is imported in one file, below %s', (library, place) => {
    const importers = new Set(
      imports
        .filter(({ target }) => target === library || target.startsWith(`${library}/`))
        .filter(({ target }) => !target.endsWith('.wasm'))
        .map(({ file }) => file),
    );
    // What boots tfjs differs between workerd and Node, and is handed in.
    const [only, ...more] = [...importers].filter(
      (file) => !file.startsWith('cli/') && !file.endsWith('/tfjs-backend.ts'),
    );
    expect(more).toEqual([]);
    expect(only?.startsWith(place)).toBe(true);
  });
});

it('what the public Worker loads never reaches tfjs', () => {
  const reached = new Set(['functions/detect/index.ts']);
  for (const from of reached) for (const { file, target } of local) if (file === from) reached.add(target);
  expect(reached.size).toBeGreaterThan(40);
  const tfjs = imports.filter(({ target }) => target.startsWith('@tensorflow/')).map(({ file }) => file);
  expect(tfjs.length).toBeGreaterThan(2);
  expect(tfjs.filter((file) => reached.has(file))).toEqual([]);
});

it('what a collector loads needs few packages, and never the runtimes of models and of Workers', () => {
  const reached = new Set(['cli/commands/collect.ts']);
  for (const from of reached) for (const { file, target } of local) if (file === from) reached.add(target);
  expect(reached.size).toBeGreaterThan(40);
  const packages = imports.filter(({ file, target }) => reached.has(file) && /^(?!node:)[\w@][\w@/.-]*$/.test(target));
  expect([...new Set(packages.map(({ target }) => target))].sort()).toEqual(COLLECTOR_PACKAGES);
  expect(readFileSync(join(root, 'cli/vigia.ts'), 'utf8')).not.toMatch(/^import .*commands/m);
});

it('zod is imported as a namespace, or a bundle holds its messages in fifty languages', () => {
  const whole = files.filter((file) =>
    /import (type )?\{[^}]*\} from 'zod'/.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(whole).toEqual([]);
});

it('commands ask an edge by the typed client alone', () => {
  const asking = files.filter((file) => file.startsWith('cli/') && !/^cli\/edge[./]/.test(file));
  expect(asking.length).toBeGreaterThan(40);
  const fetching = asking.filter((file) => /\bfetch\(/.test(readFileSync(join(root, file), 'utf8')));
  expect(fetching).toEqual([]);
});

it('the dashboard asks an edge by the typed client, and by the live stream, which is no JSON', () => {
  const pages = files.filter((file) => file.startsWith('dashboard/'));
  expect(pages.length).toBeGreaterThan(30);
  const fetching = pages.filter((file) => /\bfetch\(/.test(readFileSync(join(root, file), 'utf8')));
  expect(fetching).toEqual(['dashboard/session/feed.ts']);
});

describe('the environment', () => {
  it('is read in bindings.ts, config.ts and the command line only', () => {
    const readers = files.filter(
      (file) => !file.startsWith('cli/') && readFileSync(join(root, file), 'utf8').includes('process.env'),
    );
    expect(readers.filter((file) => file !== 'collector/config.ts')).toEqual([]);
  });
});

describe('files', () => {
  it('open with a sentence that says what they are for', () => {
    const silent = files.filter((file) => {
      const text = readFileSync(join(root, file), 'utf8').replace(/^#!.*\n/, '');
      return !/^(\/\*\*|\/\/)/.test(text) && !file.includes('/generated/');
    });
    expect(silent).toEqual([]);
  });

  it('hold one idea: none has more than 300 lines', () => {
    const long = files
      .filter((file) => !file.includes('/generated/'))
      .map((file) => [file, readFileSync(join(root, file), 'utf8').split('\n').length] as const)
      .filter(([, lines]) => lines > 300);
    expect(long).toEqual([]);
  });
});
