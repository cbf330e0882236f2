/** How well a score ranks anomalies above normal rows. */

/**
 * Area under the ROC curve by ranks, ties counted half (Mann–Whitney U).
 * @param scores higher is more abnormal
 * @param anomalous of each score, whether it is an anomaly
 */
export function auroc(scores: ArrayLike<number>, anomalous: ArrayLike<boolean>): number {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => (scores[a] as number) - (scores[b] as number),
  );
  let rankSum = 0;
  let positives = 0;
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && scores[order[to] as number] === scores[order[from] as number]) to++;
    for (let i = from; i < to; i++) {
      if (!anomalous[order[i] as number]) continue;
      rankSum += (from + 1 + to) / 2;
      positives++;
    }
    from = to;
  }
  const negatives = order.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/**
 * The share of anomalies whose score lies above all but the share `fpr` of the normal ones.
 * @param fpr false positive rate, 0..1
 */
export function tprAtFpr(scores: ArrayLike<number>, anomalous: ArrayLike<boolean>, fpr: number): number {
  const normal: number[] = [];
  const attacks: number[] = [];
  for (let i = 0; i < scores.length; i++) (anomalous[i] ? attacks : normal).push(scores[i] as number);
  normal.sort((a, b) => b - a);
  const threshold = normal[Math.floor(fpr * normal.length)] ?? Number.NEGATIVE_INFINITY;
  return attacks.filter((score) => score > threshold).length / attacks.length;
}
