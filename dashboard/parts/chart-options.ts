/** How charts look: the colours of the page, times as the reader's clock has them, and a scale that begins at 0. */
import uPlot from 'uplot';

/** One that a chart draws; later ones on top. */
export interface Line {
  readonly label: string;
  /** A custom property of the style sheet, such as --critical. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
}

/** A line over the last minutes, up to now, or counts in bars. */
export type Look = { readonly minutes: number } | 'bars';

export const HEIGHT_PX = 160;
const SCALE_WIDTH_PX = 52;
const LINE_WIDTH_PX = 2;
/** Of the place between two bars. */
const BAR_SHARE = 0.8;

const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

export function optionsOf(place: HTMLElement, lines: readonly Line[], look: Look): uPlot.Options {
  const bars = look === 'bars';
  const ink = getComputedStyle(place).color;
  const axis: uPlot.Axis = {
    stroke: ink,
    grid: { stroke: painted(place, '--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: place.clientWidth,
    height: HEIGHT_PX,
    cursor: { drag: { x: false, y: false } },
    legend: { show: lines.length > 1, live: false },
    scales: {
      x: bars ? {} : { range: (_, __, latest_s) => upTo(latest_s || Date.now() / 1000, look.minutes) },
      y: { range: (_, __, highest) => [0, Math.max(1, highest * 1.1)] },
    },
    axes: [
      { ...axis, values: (_, times) => times.map((time_s) => clock.format(time_s * 1000)), space: 70 },
      { ...axis, size: SCALE_WIDTH_PX, ...(bars && { incrs: WHOLE_STEPS }) },
    ],
    series: [{}, ...lines.map(({ label, colour }) => seriesOf(label, painted(place, colour), bars))],
  };
}

function upTo(latest_s: number, minutes: number): [number, number] {
  return [latest_s - 60 * minutes, latest_s];
}

const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500];

function seriesOf(label: string, stroke: string, bars: boolean): uPlot.Series {
  const points = { show: false };
  if (!bars) return { label, stroke, width: LINE_WIDTH_PX, points };
  return { label, stroke, fill: stroke, points, paths: uPlot.paths.bars?.({ size: [BAR_SHARE] }) };
}

/** The colour itself: a canvas knows neither custom properties nor light-dark(). */
function painted(place: HTMLElement, property: string): string {
  const probe = place.appendChild(document.createElement('span'));
  probe.style.color = `var(${property})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
