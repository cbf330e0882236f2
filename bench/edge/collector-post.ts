/** The body of a post as the collector sends it: windows and the nine before them, compressed. */
import { formBatch } from '../../collector/delivery/batch.ts';
import { MAX_CONTEXT } from '../../contract/detect-request.ts';
import { type Origin, ordinaryWindow } from './made-posts.ts';

/** @param from number of the first window */
export function collectorPost(origin: Origin, from: number, windows: number): Uint8Array {
  const logged = Array.from({ length: MAX_CONTEXT + windows }, (_, i) => ({
    number: i,
    json: JSON.stringify(ordinaryWindow(origin, from - MAX_CONTEXT + i)),
  }));
  const { after } = formBatch(logged.slice(0, MAX_CONTEXT), []);
  return formBatch(logged.slice(MAX_CONTEXT), after).batch.body;
}
