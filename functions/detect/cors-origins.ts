/** The origins whose pages may read answers, from the environment. */
import { BindingsError } from '../bindings-error.ts';

/**
 * `CORS_ORIGINS`, by spaces or commas.
 * @throws BindingsError where one is no origin; `*` is none
 */
export function readOrigins(text = ''): readonly string[] {
  const origins = text.split(/[\s,]+/).filter((origin) => origin !== '');
  for (const origin of origins) {
    if (URL.parse(origin)?.origin === origin && /^https?:/.test(origin)) continue;
    const shown = JSON.stringify(origin.slice(0, 100));
    throw new BindingsError('CORS_ORIGINS', `${shown} is no origin; list such as https://soc.example.com, each whole`);
  }
  return origins;
}
