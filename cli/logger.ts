/** The log of long-running commands: one JSON object a line on stderr. */
import { type Logger, pino } from 'pino';

export function logger(): Logger {
  return pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ dest: 2, sync: true }),
  );
}
