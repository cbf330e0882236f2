/** `vigia drill NAME`: a real attack between two network namespaces, and when Vigía told of it. */
import type { Command } from 'commander';
import { ATTACKS, attackNamed } from '../drill/attacks.ts';
import { type Moment, runDrill } from '../drill/run-drill.ts';
import { stopOnSignal } from '../stop-on-signal.ts';

interface Options {
  json?: true;
}

export function register(program: Command): void {
  const names = ATTACKS.map(({ name, what }) => `  ${name.padEnd(14)} ${what}`).join('\n');
  program
    .command('drill')
    .description('a real attack between two network namespaces against a collector and an edge (root)')
    .argument('<NAME>', ATTACKS.map(({ name }) => name).join(', '))
    .option('--json', 'the timeline as NDJSON')
    .addHelpText(
      'after',
      `\nDrills:\n${names}\n\nExample:\n  sudo npx vigia drill port-scan\n\nExit 0 where the attack was detected, 1 where it was not or where qos measured its path otherwise than it was set\n(the median of the windows' latency by more than 10 %, their pooled loss by more than 20 %), 2 where the drill could not be held.`,
    )
    .action(drill);
}

async function drill(name: string, { json }: Options): Promise<void> {
  const attack = attackNamed(name);
  const stop = stopOnSignal();
  process.stderr.write(`drill ${attack.name}: ${attack.what}; building two namespaces, starting edge and collector\n`);
  try {
    const { detected, isMeasured } = await runDrill(
      attack,
      (moment) => process.stdout.write(`${json ? JSON.stringify(moment) : lineOf(moment)}\n`),
      stop,
    );
    process.exitCode = detected && isMeasured ? 0 : 1;
  } catch (error) {
    if (!stop.aborted) throw error;
    process.stderr.write('drill interrupted; the namespaces are gone\n');
    process.exitCode = 130;
  }
}

function lineOf({ seconds, kind, text }: Moment): string {
  return `${seconds.toFixed(1).padStart(6)} s  ${kind.padEnd(8)}  ${text}`;
}
