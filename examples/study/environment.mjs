// The toy: prompts, their solutions, a policy before training, and everything about a policy that can be told exactly.
//
// 32 prompts, 4 decision points each. At a decision point token 0 is the top token, 1 to 4 are sparks (rare, and the only
// way to solve some prompts), the rest is a noise tail. The logits of prompt x are phi_x Theta with phi_x = [1, c u_x],
// u_x a random unit vector, so that what is learned on one prompt leaks to the others.
import { tokenStatsSync } from 'lp-reg';
import { Random } from '../../dist/bench/random.js';

/** Options of a run and their defaults: environment B at a tail of 0.2. */
export const DEFAULTS = {
  vocabulary: 200,
  positions: 4,
  prompts: [12, 10, 10], // easy: the all-top path solves; medium: one given spark, rest top; hard: two given sparks
  samples: 16, // per prompt and step
  sparks: [0.05, 0.04, 0.03, 0.02], // their initial probabilities
  tail: 0.2, // initial probability of all noise tokens together
  embedding: 24,
  promptScale: 2, // c
  initialNoise: 0.1, // of Theta's prompt part
  learningRate: 0.1,
  steps: 1500, // batches
  epochs: 1, // updates per batch
  fillers: 0, // deterministic tokens per decision point, which count as tokens and learn nothing
  evaluateEvery: 50, // batches
  loss: { objective: 'grpo' }, // options of PolicyLoss
  betaRule: null, // { pullRatio, batches }: beta is set once so that the mean pullRatio of the first batches is this
  seed: 0,
};
/** The filter of the study, that of the paper. */
export const FILTER = { kind: 'min-p', kappa: 0.02 };

/** Prompts with their solutions, the initial logits [prompt, position, token], and how updates leak between prompts. */
export function createEnvironment(options) {
  const { vocabulary: V, positions: L, embedding, promptScale, initialNoise, seed } = options;
  const random = new Random(1000 + seed);
  const kinds = kindsOf(options);
  const P = kinds.length;
  const base = Array.from({ length: L }, () => initialLogProbs(options, random)).flat();
  const units = unitVectors(P, embedding, random);
  const logits = new Float64Array(P * L * V);
  for (let x = 0; x < P; x++) logits.set(base, x * L * V);
  for (let k = 0; k < embedding; k++) {
    for (let j = 0; j < L * V; j++) {
      const theta = promptScale * initialNoise * random.normal();
      for (let x = 0; x < P; x++) logits[x * L * V + j] += units[x][k] * theta;
    }
  }
  const features = units.map((unit) => [1, ...unit.map((value) => promptScale * value)]); // phi
  // An SGD step on Theta moves the logits of x by sum_y (phi_x . phi_y) dLoss/dLogits_y: Theta itself is not needed.
  const leak = units.map((u) =>
    Float64Array.from(
      units,
      (w) => 1 + promptScale ** 2 * u.reduce((sum, value, k) => sum + value * w[k], 0),
    ),
  );
  const solutions = drawSolutions(kinds, options, random);
  return { options, kinds, solutions, logits, features, leak, P, L, V, G: options.samples };
}

/** Kind of each prompt: how many sparks its solution needs. */
export const kindsOf = ({ prompts }) => prompts.flatMap((count, kind) => Array(count).fill(kind));

/** Random directions, one per prompt. */
export function unitVectors(count, dimensions, random) {
  return Array.from({ length: count }, () => {
    const vector = Array.from({ length: dimensions }, () => random.normal());
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
  });
}

/** Log-probabilities of one decision point before training: top, sparks, log-normal noise. */
export function initialLogProbs({ vocabulary, sparks, tail }, random) {
  const weights = Array.from({ length: vocabulary - 1 - sparks.length }, () => Math.exp(random.normal()));
  const sum = weights.reduce((a, b) => a + b);
  const top = 1 - tail - sparks.reduce((a, b) => a + b);
  return [top, ...sparks, ...weights.map((weight) => (weight / sum) * tail)].map(Math.log);
}

/** Paths that solve each prompt. An easy one is also solved by a path with two sparks. */
export function drawSolutions(kinds, { positions, sparks }, random) {
  const below = (n) => Math.floor(random.uniform() * n);
  const withSparks = (count) => {
    const path = new Uint8Array(positions);
    while (path.reduce((n, token) => n + (token > 0), 0) < count)
      path[below(positions)] = 1 + below(sparks.length);
    return path;
  };
  return kinds.map((kind) => (kind === 0 ? [new Uint8Array(positions), withSparks(2)] : [withSparks(kind)]));
}

export const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** Everything that is exact about a policy: positions are independent given the prompt. */
export function evaluatePolicy({ options, kinds, solutions, P, L, V }, logits) {
  const sparks = options.sparks.length;
  const rows = { data: Float32Array.from(logits), dtype: 'float32', shape: [P * L, V] };
  const { tokens } = tokenStatsSync(
    { logits: rows },
    { filter: FILTER, outputs: ['entropy', 'logKeptMass', 'logSumExp'] },
  );
  const logProb = (x, t, v) => logits[(x * L + t) * V + v] - tokens.logSumExp[x * L + t];
  const success = solutions.map((paths, x) =>
    Math.min(
      1,
      paths.reduce((sum, path) => sum + Math.exp(path.reduce((lp, v, t) => lp + logProb(x, t, v), 0)), 0),
    ),
  );
  const passAt = (k, kind) =>
    mean(success.filter((_, x) => kind === undefined || kinds[x] === kind).map((p) => 1 - (1 - p) ** k));
  const needed = [];
  const sparkLogProbs = [];
  let [noise, keptSparks] = [0, 0];
  for (let x = 0; x < P; x++) {
    for (let t = 0; t < L; t++) {
      const wanted = solutions[x][0][t];
      if (wanted > 0) needed.push(Math.exp(logProb(x, t, wanted)));
      let [max, mass] = [logProb(x, t, 0), Math.exp(logProb(x, t, 0))];
      for (let v = 1; v < V; v++) max = Math.max(max, logProb(x, t, v));
      for (let v = 1; v <= sparks; v++) {
        sparkLogProbs.push(logProb(x, t, v));
        mass += Math.exp(logProb(x, t, v));
        keptSparks += logProb(x, t, v) >= max + Math.log(FILTER.kappa) ? 1 / (P * L * sparks) : 0;
      }
      noise += (1 - mass) / (P * L);
    }
  }
  return {
    entropy: mean([...tokens.entropy]),
    pass1: passAt(1),
    pass16: passAt(16),
    pass64: passAt(64),
    hardPass64: passAt(64, 2),
    neededSpark: mean(needed), // mean probability of the sparks that the solutions need
    sparkGeometric: Math.exp(mean(sparkLogProbs)), // its half-life is the primary endpoint
    sparkMass: mean(sparkLogProbs.map(Math.exp)) * sparks,
    noiseMass: noise,
    keptMass: mean([...tokens.logKeptMass].map(Math.exp)),
    keptSparks, // fraction of the sparks that the filter keeps
  };
}
