/** A metric of a Prometheus server, with the labels it must or must not have: the part of PromQL that users may write. */
import * as z from 'zod';

const MATCHER = String.raw`(?!__)([A-Za-z_][A-Za-z0-9_]*) *(!?=) *"([^"\\\p{Cc}]*)"`;
const MATCHERS = new RegExp(MATCHER, 'gu');
const SELECTOR = new RegExp(String.raw`^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{((?: *${MATCHER} *(?:,|(?=\})))*)\})?$`, 'u');

export interface Matcher {
  readonly label: string;
  readonly operator: '=' | '!=';
  /** Without quote, backslash or control character. */
  readonly value: string;
}

export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

/** `ebpf_packets_processed_total{protocol="tcp"}`, read into its parts. */
export const selector = z
  .string()
  .max(256)
  .transform((text, context): Selector => {
    const [, metric, inner = ''] = SELECTOR.exec(text.trim()) ?? [];
    if (metric === undefined) {
      const message = 'must be a metric name, with matchers or without, such as my_packets_total{device="eth0"}';
      context.issues.push({ code: 'custom', message, input: text });
      return z.NEVER;
    }
    const matchers = [...inner.matchAll(MATCHERS)].map(
      ([, label = '', operator, value = '']): Matcher => ({ label, operator: operator === '!=' ? '!=' : '=', value }),
    );
    return { metric, matchers };
  });
