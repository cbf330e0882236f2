/** Windows and alerts a second, as long as the page is open. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Stats } from '../../contract/status.ts';
import { Chart } from '../parts/chart.tsx';
import { numeral } from '../parts/wording.ts';

/** A quarter of an hour, at one every five seconds. */
const MOST_SAMPLES = 180;
const LOOK = { minutes: 15 };

interface Sample {
  readonly at_s: number;
  readonly windows: number;
}

export function Traffic({ stats }: { stats: Stats }) {
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  useEffect(() => {
    const sample = { at_s: Date.now() / 1000, windows: stats.windows_total };
    setSamples((before) => [...before.slice(1 - MOST_SAMPLES), sample]);
  }, [stats]);
  const rates = useMemo(() => ratesOf(samples), [samples]);
  const latest = rates.values.at(-1);
  return (
    <section>
      <h2>Windows a second{latest === undefined ? '' : `: ${numeral(latest)}`}</h2>
      <Chart
        title={`Windows judged a second since the page was opened${latest === undefined ? '' : `, now ${numeral(latest)}`}`}
        times={rates.times}
        lines={[{ label: 'windows/s', colour: '--accent', values: rates.values }]}
        look={LOOK}
      />
    </section>
  );
}

/** Between each two samples; a count that fell was begun anew. */
function ratesOf(samples: readonly Sample[]): { times: number[]; values: number[] } {
  const steps = samples.slice(1).map(({ at_s, windows }, i) => {
    const before = samples[i] ?? { at_s, windows };
    return { at_s, rate: Math.max(0, windows - before.windows) / Math.max(1, at_s - before.at_s) };
  });
  return { times: steps.map(({ at_s }) => at_s), values: steps.map(({ rate }) => rate) };
}
