/** What /metrics asks of parts that may be away or busy: it is when they are that the page is needed most. */

/** Less than a scrape waits. */
const WITHIN_MS = 2_000;

/** What `work` gives, or `otherwise` where it fails or takes too long, which is logged under `event`. */
export function inTime<T>(work: Promise<T>, otherwise: T, event: string, facts: object = {}): Promise<T> {
  const without = (message: string): T => {
    console.warn(JSON.stringify({ level: 'warn', event, ...facts, message }));
    return otherwise;
  };
  let done = false;
  const given = work
    .catch((error: unknown) => (done ? otherwise : without(String(error))))
    .finally(() => {
      done = true;
    });
  const late = scheduler.wait(WITHIN_MS).then(() => {
    if (done) return otherwise;
    done = true;
    return without(`no answer within ${WITHIN_MS} ms`);
  });
  return Promise.race([given, late]);
}
