/** What the train Worker counts of what nobody asks it for, and so nobody hears of: the Queue and the cron. */

/** By the names of the metrics (docs/metrics.md), without `ml_detector_` and `_total`. */
export const NOTHING_COUNTED = {
  queue_retries: 0,
  queue_dead_letters: 0,
  queue_foreign_messages: 0,
  upkeep_failures: 0,
};
export type TrainCounts = typeof NOTHING_COUNTED;
