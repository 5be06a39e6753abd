/** Mathematics of one row of logits (SEMANTICS §1 and §2), in float64. */

/** One row after soft cap, temperature and log-softmax. */
export interface Row {
  /** Logits after the soft cap, before the division by the temperature. */
  capped: Float64Array;
  /** Derivative of the soft cap, 1 without one. */
  capSlope: Float64Array;
  /** `log softmax(capped / temperature)`; `-inf` where the logit is `-inf`. */
  logProbs: Float64Array;
  entropy: number;
  /** The soft cap has rounded a lower logit to the same value as the highest: who the maximisers are is then arbitrary. */
  saturated: boolean;
}

export function largest(values: Float64Array): number {
  return values.reduce((best, value) => Math.max(best, value), Number.NEGATIVE_INFINITY);
}

/** `log softmax(values / temperature)`, with the division after the subtraction of the maximum. */
export function logSoftmax(values: Float64Array, temperature: number): Float64Array {
  const top = largest(values);
  const first = values.indexOf(top);
  const shifted = values.map((value) => (value - top) / temperature);
  let others = 0;
  shifted.forEach((value, index) => {
    if (index !== first) others += Math.exp(value);
  });
  const logSum = Math.log1p(others);
  return shifted.map((value) => value - logSum);
}

/** A `-inf` logit stays `-inf`: the cap must not revive a masked entry of the vocabulary. */
function applySoftcap(logits: Float64Array, softcap: number | undefined) {
  if (softcap === undefined) return { capped: logits, capSlope: logits.map(() => 1) };
  const tanh = logits.map((value) => Math.tanh(value / softcap));
  const capped = tanh.map((value, index) => (logits[index] === -Infinity ? -Infinity : softcap * value));
  return { capped, capSlope: tanh.map((value) => 1 - value * value) };
}

export function readRow(given: ArrayLike<number>, temperature: number, softcap?: number): Row {
  const logits = Float64Array.from(given);
  const { capped, capSlope } = applySoftcap(logits, softcap);
  const logProbs = logSoftmax(capped, temperature);
  let entropy = 0;
  for (const logProb of logProbs) {
    if (logProb > -Infinity) entropy -= Math.exp(logProb) * logProb;
  }
  const [top, cappedTop] = [largest(logits), largest(capped)];
  const saturated = capped.some((value, v) => value === cappedTop && logits[v] !== top);
  return { capped, capSlope, logProbs, entropy, saturated };
}

/** What the loss asks of one row: derivatives with respect to logProb, entropy and KL, aggregation weight inside. */
export interface RowCoefficients {
  logProb: number;
  entropy: number;
  kl: number;
}

/** Adds the gradient of SEMANTICS §2 for one row into `out`. `proxy` is the distribution q, needed when `kl` is not 0. */
export function writeRowGradient(
  row: Row,
  action: number,
  temperature: number,
  coefficients: RowCoefficients,
  proxy: Float64Array | undefined,
  out: Float64Array,
): void {
  row.logProbs.forEach((logProb, v) => {
    const p = Math.exp(logProb);
    const fromLabel = v === action ? -Math.expm1(logProb) : -p;
    const fromEntropy = p === 0 ? 0 : -p * (logProb + row.entropy);
    const fromKl = proxy === undefined ? 0 : p - (proxy[v] as number);
    const slope =
      coefficients.logProb * fromLabel + coefficients.entropy * fromEntropy + coefficients.kl * fromKl;
    out[v] = (slope / temperature) * (row.capSlope[v] as number);
  });
}
