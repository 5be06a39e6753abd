// Expected gradients in closed form, without lp-reg: what the library's sampled gradients must come out as.
// Per sampled token and position, at learning rate 1: dz_v = p_v A_v for GRPO, where A_v is the mean advantage given v,
// and with a coefficient b on the selected tokens S of negative samples dz_v = b (f_v p_v [v in S] - p_v sum_S f_u p_u).
import { FILTER } from './environment.mjs';
import { createSampler } from './simulate.mjs';

/** Binomial(n, p), as an array of probabilities. */
function binomial(n, p) {
  let row = [1];
  for (let i = 0; i < n; i++)
    row = Array.from({ length: i + 2 }, (_, k) => (row[k] ?? 0) * (1 - p) + (row[k - 1] ?? 0) * p);
  return row;
}

/** Mean advantage of an answer given its reward, and the chance that a failed answer's advantage is negative. */
function groupMoments(success, G) {
  const others = binomial(G - 1, success);
  const advantage = (solved, reward) => {
    const mean = solved / G;
    const deviation = Math.sqrt((solved * (1 - mean)) / (G - 1));
    return deviation > 0 ? (reward - mean) / (deviation + 1e-6) : 0;
  };
  const mean = (reward) => others.reduce((sum, p, k) => sum + p * advantage(k + reward, reward), 0);
  return { solved: mean(1), failed: mean(0), negative: 1 - others[0] };
}

/** Probabilities, proxy and the answer's prospects given each token, for every prompt and position. */
export function exactRows({ options, solutions, logits, P, L, V, G }) {
  const rows = [];
  for (let row = 0; row < P * L; row++) {
    const z = logits.subarray(row * V, (row + 1) * V);
    const max = Math.max(...z);
    const sum = z.reduce((total, value) => total + Math.exp(value - max), 0);
    const p = Float64Array.from(z, (value) => Math.exp(value - max) / sum);
    const top = Math.max(...p);
    const kept = Uint8Array.from(p, (value) => (value >= FILTER.kappa * top ? 1 : 0));
    const keptMass = p.reduce((total, value, v) => total + kept[v] * value, 0);
    rows.push({ p, top, kept, keptMass, entropy: -p.reduce((h, value) => h + value * Math.log(value), 0) });
  }
  solutions.forEach((paths, x) => {
    const chance = (path, without) =>
      path.reduce((product, v, t) => product * (t === without ? 1 : rows[x * L + t].p[v]), 1);
    const success = paths.reduce((total, path) => total + chance(path), 0);
    const moments = groupMoments(success, G);
    for (let t = 0; t < L; t++) {
      const given = new Float64Array(V);
      for (const path of paths) given[path[t]] += chance(path, t);
      Object.assign(rows[x * L + t], {
        advantage: given.map((s) => s * moments.solved + (1 - s) * moments.failed),
        negative: given.map((s) => (1 - s) * moments.negative), // f_v
      });
    }
  });
  return { rows, sparks: options.sparks.length };
}

/** Log-prob threshold of the selection of a batch. */
function thresholdOf(loss, { logProbs, advantages }) {
  const ranked = logProbs.filter((_, i) => loss.form === 'paper' || advantages[i] < 0).sort();
  if (loss.form === 'reference') {
    const k = Math.trunc(ranked.length * loss.rhoNeg);
    return k > 1 ? (ranked[k] ?? Number.POSITIVE_INFINITY) : Number.NEGATIVE_INFINITY;
  }
  const last = ranked.length - 1;
  const below = Math.floor(loss.rho * last);
  const [a, b] = [ranked[below], ranked[Math.min(below + 1, last)]].map(Math.exp);
  return Math.log(a + (loss.rho * last - below) * (b - a));
}

/** Thresholds of batches that are drawn here: the only part that has no closed form. Empty where there is no `rho`. */
export function drawThresholds(environment, losses, batches) {
  const sample = createSampler({ ...environment, options: { ...environment.options, seed: 77_000 } });
  const thresholds = losses.map(() => []);
  for (let n = 0; n < batches; n++) {
    const batch = sample(environment.logits);
    losses.forEach((loss, i) => {
      if (loss.form === 'reference' || loss.form === 'paper') thresholds[i].push(thresholdOf(loss, batch));
    });
  }
  return thresholds;
}

/** Chance that a negative sample of token v is selected. */
function selection(loss, row, v, thresholds) {
  if (row.kept[v] === 0) return 0;
  if (loss.form === 'kept') return row.p[v] < row.top ? 1 : 0;
  const logProb = Math.fround(Math.log(row.p[v]));
  const above = thresholds.filter((threshold) => threshold > logProb + 1e-6).length;
  return above / thresholds.length;
}

/** Expected dz of one row under an arm. */
export function expectedGradient(loss, row, thresholds) {
  const { p, advantage, negative, keptMass } = row;
  const dz = p.map((value, v) => value * advantage[v]);
  if (loss.entropyCoef) {
    p.forEach((value, v) => {
      dz[v] -= loss.entropyCoef * value * (Math.log(value) + row.entropy);
    });
  }
  if (loss.objective !== 'lp-reg') return dz;
  const beta = loss.beta ?? 1;
  const chosen = p.map((value, v) => value * negative[v] * selection(loss, row, v, thresholds));
  const total = chosen.reduce((a, b) => a + b);
  p.forEach((value, v) => {
    if (loss.form === 'paper') dz[v] += beta * total * ((row.kept[v] * value) / keptMass - value);
    else dz[v] += beta * (1 / keptMass - 1) * (chosen[v] - value * total);
  });
  return dz;
}

/** What a step of one row does to log-probabilities: mean over the sparks, the top token, mean over the noise. */
export function drift(dz, p, sparks) {
  const common = dz.reduce((sum, value, v) => sum + p[v] * value, 0);
  const over = (from, to) => {
    let sum = 0;
    for (let v = from; v < to; v++) sum += dz[v] - common;
    return sum / (to - from);
  };
  return { top: over(0, 1), spark: over(1, 1 + sparks), noise: over(1 + sparks, p.length) };
}
