/** `vigia detect FILE…`: judges captures and windows without a server. */
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Command } from 'commander';
import { type CollectorOptions, readConfig } from '../../collector/config.ts';
import { readAuthLog } from '../../collector/sources/open-auth-log.ts';
import { openSource } from '../../collector/sources/open-source.ts';
import type { CollectedWindow, WindowSource } from '../../collector/sources/source.ts';
import { MAX_CONTEXT } from '../../contract/detect-request.ts';
import type { Manifest } from '../../contract/manifest.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import type { Result } from '../../contract/result.ts';
import { DEFAULT_ALERT_BUDGET_PER_HOST_DAY, readThresholds, type Thresholds } from '../../contract/thresholds.ts';
import { type Judging, judgeBatch } from '../../models/judge.ts';
import { REFERENCE_NAMES, type ReferenceName } from '../../models/reference/names.ts';
import type { ReferenceVoters } from '../../models/reference/voters.ts';
import { list, positiveInteger } from '../option-values.ts';
import { referenceNames } from '../reference-names.ts';
import { closingLine, count, emptyTally, heading, type Tally, verdictLine } from '../verdict-table.ts';
import { stopWhenNobodyReads } from '../write-lines.ts';

interface Options extends CollectorOptions {
  models?: string;
  reference?: ReferenceName[];
  normal?: string[];
  json?: true;
}

/** Windows that go through the models at once. */
const CHUNK = 256;
const CAPTURE = /\.(?:pcap|pcapng|cap)(?:\.(?:gz|zst))?$/;
const COMPRESSED_LOG = /(?:^|\/)(?:[^/]*\.log|auth|secure|messages|syslog)[^/]*\.(?:gz|zst)$/;

export function register(program: Command): void {
  program
    .command('detect')
    .description('judge captures, logs of logins and windows; exit 0 nothing found, 1 threats, 2 error')
    .argument('<FILE...>', 'pcap, pcapng, auth.log or windows as NDJSON; gzip, zstd or neither')
    .option('--models <DIR>', 'models that vigia train wrote; without them the rules alone decide')
    .option('--reference <NAMES>', `also let these vote: ${REFERENCE_NAMES.join(', ')}`, referenceNames)
    .option('--normal <FILE...>', 'windows that --reference is fitted on: those given to vigia train')
    .option('--json', 'every verdict as NDJSON')
    .option('--period-ms <N>', "length of a capture's windows", positiveInteger)
    .option('--local <CIDR>', "a capture's own addresses, comma separated", list)
    .addHelpText('after', '\nExample:\n  vigia detect office.pcapng --models models/ --local 192.168.1.0/24')
    .action(detect);
}

async function detect(files: string[], options: Options): Promise<void> {
  // Loaded here: the rules alone need no ONNX runtime.
  const loaded =
    options.models === undefined ? null : await (await import('../load-models.ts')).loadModels(options.models);
  const thresholds = readThresholds(process.env);
  const judging: Judging = {
    fleet: loaded,
    thresholds,
    alertBudget: DEFAULT_ALERT_BUDGET_PER_HOST_DAY,
    references: await references(options, loaded?.manifest ?? null, thresholds),
  };
  const tally = emptyTally();
  const stop = stopWhenNobodyReads();
  if (!options.json) process.stdout.write(`${heading()}\n`);
  try {
    for (const file of files)
      await judgeFile(await sourceOf(file, options), judging, tally, options.json === true, stop);
  } finally {
    const closing = closingLine(tally, loaded?.manifest.version ?? null);
    (options.json ? process.stderr : process.stdout).write(`${closing}\n`);
    await loaded?.release();
  }
  process.exitCode = tally.threats > 0 ? 1 : 0;
}

/** Loaded here: only who asks for these detectors waits for them. */
async function references(
  { reference, normal }: Options,
  manifest: Manifest | null,
  thresholds: Thresholds,
): Promise<ReferenceVoters | undefined> {
  if (reference === undefined) return undefined;
  if (!manifest || !normal)
    throw new Error(
      '--reference needs --models DIR, beside which they vote, and --normal FILE, which they are fitted on',
    );
  const { referenceVoters } = await import('../reference-voters.ts');
  return referenceVoters(reference, normal, manifest, thresholds);
}

/** Windows start with a brace and logs with text, compressed ones are known by their names; the capture reader recognises the rest. */
async function sourceOf(file: string, options: Options): Promise<WindowSource<CollectedWindow>> {
  const start = await firstBytes(file);
  const isWindows = /\.ndjson(?:\.(?:gz|zst))?$/.test(file) || start.startsWith('{');
  const isLog = !isWindows && !CAPTURE.test(file) && (/^[\x20-\x7e]{4}$/.test(start) || COMPRESSED_LOG.test(file));
  const spec = `${isWindows ? 'windows' : 'pcap'}:${file}`;
  const config = readConfig({ ...options, to: 'http://localhost', source: [spec] });
  if (!isLog) return openSource(spec, config).source;
  return readAuthLog(file, { host: config.host, group: config.group, nameKey: randomBytes(32) });
}

async function firstBytes(file: string): Promise<string> {
  const handle = await open(file).catch((cause: unknown) => {
    throw new Error(`${file} cannot be opened; check the path`, { cause });
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function judgeFile(
  source: WindowSource<CollectedWindow>,
  judging: Judging,
  tally: Tally,
  asJson: boolean,
  stop: AbortSignal,
): Promise<void> {
  let context: NetworkWindow[] = [];
  let chunk: CollectedWindow[] = [];
  const judgeChunk = async (): Promise<void> => {
    for (const result of await judgeBatch({ ...judging, windows: chunk, context })) print(result, tally, asJson);
    const network = chunk.filter((window): window is NetworkWindow => 'interface' in window);
    context = [...context, ...network].slice(-MAX_CONTEXT * (1 + seriesIn(network)));
    chunk = [];
  };
  try {
    for await (const window of source.windows(stop)) {
      if (chunk.push(window) >= CHUNK) await judgeChunk();
    }
  } finally {
    if (chunk.length > 0) await judgeChunk();
  }
}

const seriesIn = (windows: readonly NetworkWindow[]): number =>
  new Set(windows.map((window) => `${window.host}\n${window.interface}`)).size;

function print(result: Result, tally: Tally, asJson: boolean): void {
  count(tally, result);
  const line = asJson ? JSON.stringify(result) : verdictLine(result);
  if (line !== null) process.stdout.write(`${line}\n`);
}
