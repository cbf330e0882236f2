/** `vigia train`: the three .onnx files and their manifest from files of windows, without a server. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WriteStream } from 'node:tty';
import type { Command } from 'commander';
import { MODEL_FILES } from '../../contract/features.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { DEFAULT_ALERT_BUDGET_PER_HOST_DAY, readThresholds } from '../../contract/thresholds.ts';
import { type CalibrationOptions, recalibrate } from '../../models/training/calibrate-fleet.ts';
import { learnableWindows } from '../../models/training/learnable-windows.ts';
import type { Candidate } from '../../models/training/train-fleet.ts';
import { nonNegative, wholeNumber } from '../option-values.ts';
import { readWindows } from '../read-windows.ts';

interface Options {
  windows: string[];
  out: string;
  seed: number;
  group: string;
  budget: number;
  recalibrate?: string;
}

export function register(program: Command): void {
  program
    .command('train')
    .description('train models on files of windows; the same windows and seed give the same bytes')
    .requiredOption('--windows <FILE...>', 'windows as NDJSON; gzip, zstd or neither; - is stdin')
    .requiredOption('--out <DIR>', 'gets the .onnx files and manifest.json')
    .option('--seed <N>', 'seed of everything random', wholeNumber, 1)
    .option('--group <NAME>', 'group whose models these are', 'default')
    .option('--budget <N>', 'false alerts that a host may raise a day', nonNegative, DEFAULT_ALERT_BUDGET_PER_HOST_DAY)
    .option(
      '--recalibrate <DIR>',
      'fit nothing: take the models of DIR, and p-values anew from windows they were not fitted on',
    )
    .addHelpText(
      'after',
      `
Example:
  vigia windows office.pcapng > office.ndjson
  vigia train --windows office.ndjson --out models
  vigia train --recalibrate models --windows newer.ndjson --out models

Windows in which the rules find an attack, and the ten before and after one, are not learned.`,
    )
    .action(train);
}

async function train({ windows: files, out, seed, group, budget, recalibrate: folder }: Options): Promise<void> {
  const thresholds = readThresholds(process.env);
  const windows = await readWindows(files);
  const learnable = learnableWindows(windows, thresholds);
  if (learnable.length < windows.length) {
    const left = windows.length - learnable.length;
    process.stderr.write(`vigia: ${left} of ${windows.length} windows left out: an attack in them or close to them\n`);
  }
  const options = { createdAt: endOfNewest(windows), alertBudget: budget, thresholds };
  const candidate =
    folder === undefined
      ? await fitted(learnable, { ...options, group, seed })
      : await recalibrated(folder, learnable, options);
  write(out, candidate);
  tell(out, candidate);
}

/** Loaded here: no other command should pay for TensorFlow.js. */
async function fitted(
  windows: readonly NetworkWindow[],
  options: CalibrationOptions & { group: string; seed: number },
): Promise<Candidate> {
  const { trainFleet } = await import('../../models/training/train-fleet.ts');
  const { bootBackend } = await import('../tfjs-backend.ts');
  return trainFleet(windows, { ...options, bootBackend, onProgress: progressIn(process.stderr) });
}

async function recalibrated(
  folder: string,
  windows: readonly NetworkWindow[],
  options: CalibrationOptions,
): Promise<Candidate> {
  const loaded = await (await import('../load-models.ts')).loadModels(folder);
  try {
    const manifest = await recalibrate(loaded, windows, options);
    const names = Object.values(manifest.models).map(({ file }) => file);
    return { manifest, files: new Map(names.map((file) => [file, readFileSync(join(folder, file))])) };
  } finally {
    await loaded.release();
  }
}

/** One line that is rewritten on a terminal; otherwise a line a step. */
function progressIn(stream: WriteStream): (step: string, fraction: number) => void {
  let before = '';
  return (step, fraction) => {
    const text = `training: ${Math.round(fraction * 100)} % ${step}`;
    if (stream.isTTY) stream.write(`\r${text}\u001b[K${fraction === 1 ? '\n' : ''}`);
    else if (step !== before) stream.write(`${text}\n`);
    before = step;
  };
}

/** Training on files is dated by its data, so that it can be repeated to the byte. */
function endOfNewest(windows: readonly NetworkWindow[]): Date {
  const newest = windows.reduce(
    (latest, { start, duration_s }) => Math.max(latest, Date.parse(start) + duration_s * 1000),
    0,
  );
  return new Date(newest);
}

/** The manifest comes last: a folder that has one is whole. A model of an earlier training does not stay behind. */
function write(out: string, { manifest, files }: Candidate): void {
  mkdirSync(out, { recursive: true });
  for (const file of ['manifest.json', ...Object.values(MODEL_FILES)]) rmSync(join(out, file), { force: true });
  for (const [file, bytes] of [...files, ['manifest.json', `${JSON.stringify(manifest, null, 2)}\n`] as const]) {
    writeFileSync(join(out, `${file}.part`), bytes);
    renameSync(join(out, `${file}.part`), join(out, file));
  }
}

function tell(out: string, { manifest }: Candidate): void {
  const { training, quality, models, abstained, version } = manifest;
  const lines = [
    `${version} in ${out}: ${training.high_confidence_windows} windows of ${training.hosts} host(s), ${training.from} to ${training.to}`,
    ...Object.entries(models).map(
      ([name, entry]) =>
        `  ${name}: ${entry?.file}, ${entry?.bytes} bytes, calibrated on ${entry?.calibration.windows}`,
    ),
    ...Object.entries(abstained).map(([name, reason]) => `  ${name}: abstains, ${reason}`),
    `  false alerts on held-out windows: ${(100 * quality.false_alert_rate).toFixed(2)} %; injected attacks found: ${(100 * quality.injected_found).toFixed(0)} %`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
