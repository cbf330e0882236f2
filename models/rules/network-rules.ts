/** The rules on traffic: scan, floods, exfiltration. With a baseline, volume alone fires none of them. */
import { RULE_CONFIDENCE } from '../../contract/thresholds.ts';
import { hourOfWeek } from '../hour-of-week.ts';
import { HALF_HOUR_LEAST_S, outPerByteIn } from './half-hour.ts';
import { beyondLearned } from './learned-normal.ts';
import { beyond, fired, type Observation, perSecond, type Rule, type RuleContext, readable, tcpRatio } from './rule.ts';
import { surgeFactor } from './surge.ts';
import { brokenMix, opensMore } from './traffic-mix.ts';

/**
 * With a baseline the distinct ports must exceed what was learned; the rate then only its floor, since a scan is
 * quieter than the traffic of a busy host. Where ports were not learned, the rate must exceed what was learned.
 */
export const portScan: Rule = (observed, context) =>
  fastScan(observed, context) ?? slowScan(observed, context) ?? longWindowScan(observed, context);

/** One address that opened many ports within half an hour, however slowly. */
const slowScan: Rule = ({ recent }, { thresholds }) => {
  const [most] = recent?.scanners ?? [];
  if (!recent || !most || most.unique_ports <= thresholds.SLOW_SCAN_UNIQUE_PORTS) return null;
  return fired(
    'port_scan',
    RULE_CONFIDENCE.slow_port_scan,
    `one address opened more than ${thresholds.SLOW_SCAN_UNIQUE_PORTS} distinct ports within half an hour`,
    { scanner: most.ip, unique_ports: most.unique_ports, over_s: Math.round(recent.over_s) },
  );
};

/** A window this long averages the rate of a scan away, and holds few distinct ports where nobody scans. */
const LONG_WINDOW_S = 10;

/** Many ports in a long window, whatever the rate; also of this host scanning others, which no scanner is named for. */
const longWindowScan: Rule = ({ unique_ports, duration_s = 0 }, { thresholds, learned }) => {
  if (typeof unique_ports !== 'number' || duration_s < LONG_WINDOW_S) return null;
  if (unique_ports <= thresholds.LONG_WINDOW_SCAN_UNIQUE_PORTS) return null;
  const ports = learned?.extreme('unique_ports') ?? null;
  if (!beyondLearned(unique_ports, ports, thresholds.VOLUME_MARGIN)) return null;
  return fired(
    'port_scan',
    RULE_CONFIDENCE.slow_port_scan,
    `unique_ports > ${thresholds.LONG_WINDOW_SCAN_UNIQUE_PORTS} in a window of ${LONG_WINDOW_S} s or more${beyond('unique_ports', ports, thresholds.VOLUME_MARGIN)}`,
    { unique_ports, duration_s },
  );
};

const fastScan: Rule = (observed, { thresholds, learned }) => {
  const { unique_ports, packets_per_second } = observed;
  if (typeof unique_ports !== 'number' || typeof packets_per_second !== 'number') return null;
  if (unique_ports <= thresholds.PORT_SCAN_UNIQUE_PORTS) return null;
  if (packets_per_second <= thresholds.PORT_SCAN_PACKETS_PER_SECOND) return null;
  const ports = learned?.extreme('unique_ports') ?? null;
  const rate = ports === null ? (learned?.extreme('packets_per_second') ?? null) : null;
  if (!beyondLearned(unique_ports, ports, thresholds.VOLUME_MARGIN)) return null;
  if (!beyondLearned(packets_per_second, rate, thresholds.VOLUME_MARGIN)) return null;
  return fired(
    'port_scan',
    RULE_CONFIDENCE.port_scan,
    `unique_ports > ${thresholds.PORT_SCAN_UNIQUE_PORTS} and packets_per_second > ${thresholds.PORT_SCAN_PACKETS_PER_SECOND}${beyond('unique_ports', ports, thresholds.VOLUME_MARGIN)}${beyond('packets_per_second', rate, thresholds.VOLUME_MARGIN)}`,
    { unique_ports, packets_per_second },
  );
};

export const synFlood: Rule = (observed, { thresholds, learned }) => {
  const { syn_packets, duration_s } = observed;
  const ratio = tcpRatio(observed);
  if (typeof syn_packets !== 'number' || ratio === null) return null;
  const rate = perSecond(syn_packets, duration_s);
  if (rate <= thresholds.SYN_FLOOD_SYN_PACKETS || ratio <= thresholds.SYN_FLOOD_TCP_RATIO) return null;
  const extreme = learned?.extreme('syn_packets') ?? null;
  if (!beyondLearned(rate, extreme, thresholds.VOLUME_MARGIN)) return null;
  if (learned && !opensMore(observed, learned)) return null;
  return fired(
    'syn_flood',
    RULE_CONFIDENCE.syn_flood,
    `syn_packets > ${thresholds.SYN_FLOOD_SYN_PACKETS} a second and tcp_ratio > ${thresholds.SYN_FLOOD_TCP_RATIO}${beyond('syn_packets', extreme, thresholds.VOLUME_MARGIN)}`,
    { syn_packets, tcp_ratio: ratio },
  );
};

/** Looks at bytes going out wherever direction was measured: a download is no exfiltration. */
export const dataExfiltration: Rule = (observed, context) => fastLeak(observed, context) ?? slowLeak(observed, context);

/**
 * More over half an hour than at this hour of the week, for the same that comes in: too little at once to be seen in a second.
 * More customers ask for more and are no leak.
 */
const slowLeak: Rule = ({ recent, start }, { thresholds, learned }) => {
  const out = recent?.bytes_out_per_second;
  if (!recent || !start || !learned || typeof out !== 'number' || recent.over_s < HALF_HOUR_LEAST_S) return null;
  const extreme = learned.recentOutExtreme(hourOfWeek(start));
  if (extreme === null || !beyondLearned(out, extreme, thresholds.SLOW_EXFILTRATION_MARGIN)) return null;
  const ratio = outPerByteIn(recent);
  if (ratio === null || !beyondLearned(ratio, learned.outPerByteIn, thresholds.SLOW_EXFILTRATION_RATIO_MARGIN))
    return null;
  return fired(
    'data_exfiltration',
    RULE_CONFIDENCE.slow_data_exfiltration,
    `bytes_out_per_second over half an hour > ${thresholds.SLOW_EXFILTRATION_MARGIN} x learned ${readable(extreme)} of this hour of the week, and > ${thresholds.SLOW_EXFILTRATION_RATIO_MARGIN} x the learned bytes out for one that comes in`,
    { bytes_out_per_second: out, out_per_byte_in: ratio, over_s: Math.round(recent.over_s) },
  );
};

/**
 * Bytes out for one that comes in, in learned 99 % quantiles of half hours, from which a single window of customers may differ;
 * a copy being sent has tens of times as many.
 */
const LEAK_RATIO_MARGIN = 3;

const fastLeak: Rule = (observed, { thresholds, learned }) => {
  const { bytes_per_second, bytes_out_per_second } = observed;
  const ratio = tcpRatio(observed);
  const directed = typeof bytes_out_per_second === 'number';
  const name = directed ? 'bytes_out_per_second' : 'bytes_per_second';
  const rate = directed ? bytes_out_per_second : bytes_per_second;
  if (typeof rate !== 'number' || ratio === null) return null;
  if (rate <= thresholds.EXFILTRATION_BYTES_PER_SECOND || ratio <= thresholds.EXFILTRATION_TCP_RATIO) return null;
  const allBytes = learned?.extreme('bytes_per_second') ?? null;
  const extreme = directed ? (learned?.bytesOutExtreme ?? allBytes) : allBytes;
  if (!beyondLearned(rate, extreme, thresholds.VOLUME_MARGIN)) return null;
  const perByteIn = outPerByteIn(observed);
  if (perByteIn !== null && !beyondLearned(perByteIn, learned?.outPerByteIn ?? null, LEAK_RATIO_MARGIN)) return null;
  return fired(
    'data_exfiltration',
    RULE_CONFIDENCE.data_exfiltration,
    `${name} > ${readable(thresholds.EXFILTRATION_BYTES_PER_SECOND)} and tcp_ratio > ${thresholds.EXFILTRATION_TCP_RATIO}${beyond(name, extreme, thresholds.VOLUME_MARGIN)}`,
    { [name]: rate, tcp_ratio: ratio },
  );
};

export const ddos: Rule = (observed, context) => {
  const { thresholds, learned } = context;
  const { packets_per_second, bytes_per_second } = observed;
  if (!isVolume(observed, context)) return null;
  const mix = learned && brokenMix(observed, learned, thresholds.DDOS_SYN_SHARE);
  if (learned && mix === null) return null;
  return fired(
    'ddos',
    RULE_CONFIDENCE.ddos,
    `packets_per_second > ${thresholds.DDOS_PACKETS_PER_SECOND} and bytes_per_second > ${readable(thresholds.DDOS_BYTES_PER_SECOND)}${mix === null ? '' : `, beyond what was learned, and ${mix}`}`,
    { packets_per_second: packets_per_second ?? 0, bytes_per_second: bytes_per_second ?? 0 },
  );
};

/** Volume beyond what was learned in the usual mix: more of the same, such as a sale day. Null without a baseline. */
export function volumeSurge(observed: Observation, { learned, thresholds }: RuleContext): string | null {
  if (surgeFactor(observed, learned, thresholds) === null) return null;
  const usual = learned?.median('packets_per_second') ?? 0;
  return `${readable(observed.packets_per_second ?? 0)} packets/s, usually ${readable(usual)}, in the usual mix: reported, not an alert; the models judged it at the usual volume`;
}

/** Where direction was measured, what this host sends floods nobody here: only bytes that come in count. */
function isVolume(observed: Observation, { thresholds, learned }: RuleContext): boolean {
  const { packets_per_second, bytes_per_second, bytes_in_per_second } = observed;
  if (typeof packets_per_second !== 'number' || typeof bytes_per_second !== 'number') return false;
  const margin = thresholds.VOLUME_MARGIN;
  return (
    packets_per_second > thresholds.DDOS_PACKETS_PER_SECOND &&
    bytes_per_second > thresholds.DDOS_BYTES_PER_SECOND &&
    (bytes_in_per_second ?? bytes_per_second) > thresholds.DDOS_BYTES_PER_SECOND &&
    beyondLearned(packets_per_second, learned?.extreme('packets_per_second') ?? null, margin) &&
    beyondLearned(bytes_per_second, learned?.extreme('bytes_per_second') ?? null, margin)
  );
}
