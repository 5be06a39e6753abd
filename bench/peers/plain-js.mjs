// Contender: the loops one would write in JavaScript, single-threaded, float32 arrays, in place.
import { readBatch, serve } from './protocol.mjs';

const { shape, logits: drawn, actions, oldLogProbs, advantages, parameters } = readBatch(process.argv[2]);
const vocab = shape.at(-1);
const rows = actions.length;
const logits = new Float32Array(drawn);
const { kappa, beta, clipLow, clipHigh, rho } = parameters;

/** Of each row: largest logit, sum of exp above it, log-probability of the action, kept mass, whether the action is kept. */
function statistics(withKept) {
  const rowsOut = [];
  const cut = Math.log(kappa);
  for (let row = 0; row < rows; row++) {
    const begin = row * vocab;
    let max = Number.NEGATIVE_INFINITY;
    for (let v = 0; v < vocab; v++) if (logits[begin + v] > max) max = logits[begin + v];
    let sum = 0;
    let kept = 0;
    for (let v = 0; v < vocab; v++) {
      const distance = logits[begin + v] - max;
      const mass = Math.exp(distance);
      sum += mass;
      if (withKept && distance >= cut) kept += mass;
    }
    const distance = logits[begin + actions[row]] - max;
    rowsOut.push({ max, sum, logProb: distance - Math.log(sum), mass: kept / sum, isKept: distance >= cut });
  }
  return rowsOut;
}

/** `coef (1[v=a] - p) + coefKl (p - q)` over a row. */
function writeGradient(row, { max, sum, mass }, coef, coefKl) {
  const begin = row * vocab;
  const cut = Math.log(kappa);
  for (let v = 0; v < vocab; v++) {
    const distance = logits[begin + v] - max;
    const p = Math.exp(distance) / sum;
    const q = coefKl !== 0 && distance >= cut ? p / mass : 0;
    const isAction = v === actions[row] ? 1 : 0;
    logits[begin + v] = coef * (isAction - p) + coefKl * (p - q);
  }
}

function lpReg() {
  const stats = statistics(true);
  const sorted = stats.map(({ logProb }) => logProb).sort((a, b) => a - b);
  const threshold = sorted[Math.floor(rho * (rows - 1))];
  let loss = 0;
  stats.forEach((stat, row) => {
    const advantage = advantages[row];
    const ratio = Math.exp(stat.logProb - oldLogProbs[row]);
    const clipped = Math.min(Math.max(ratio, 1 - clipLow), 1 + clipHigh);
    const isClipped = -advantage * clipped > -advantage * ratio;
    const isRegularised = stat.logProb < threshold && stat.isKept && advantage < 0;
    loss += Math.max(-advantage * ratio, -advantage * clipped) / rows;
    if (isRegularised) loss -= (beta * Math.log(stat.mass)) / rows;
    writeGradient(row, stat, isClipped ? 0 : (-advantage * ratio) / rows, isRegularised ? beta / rows : 0);
  });
  return { loss };
}

function meanNegativeLogProb(stats) {
  return -stats.reduce((sum, { logProb }) => sum + logProb, 0) / rows;
}

function crossEntropyForward() {
  return { loss: meanNegativeLogProb(statistics(false)) };
}

function crossEntropy() {
  const stats = statistics(false);
  stats.forEach((stat, row) => {
    writeGradient(row, stat, -1 / rows, 0);
  });
  return { loss: meanNegativeLogProb(stats) };
}

const prepare = () => logits.set(drawn);
const gradient = () => logits;
await serve({
  'lp-reg': { prepare, run: lpReg, gradient },
  'cross-entropy': { prepare, run: crossEntropy, gradient },
  'cross-entropy-forward': { prepare, run: crossEntropyForward },
});
