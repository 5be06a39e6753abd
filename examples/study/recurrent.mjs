// The same question for a policy with a learned hidden state that sees its own prefix: a small recurrent network,
//   h_t = tanh(A h_(t-1) + E[token_(t-1)]),  h_0 = tanh(W u_x) for prompt x,  logits_t = b + O h_t,
// whose A, E, W, O and b are all trained by SGD. PolicyLoss gives G = d loss / d logits; what is left is backpropagation
// of sum(G * logits), written out. pass@k stays exact: the chance of a solution is a product along its path.
import { tokenStatsSync } from 'lp-reg';
import { Random } from '../../dist/bench/random.js';
import {
  DEFAULTS,
  drawSolutions,
  FILTER,
  initialLogProbs,
  kindsOf,
  mean,
  unitVectors,
} from './environment.mjs';
import { countSelected, groupAdvantages, train } from './simulate.mjs';

/** Options of a run and their defaults. Those that both simulators have mean the same. */
export const RECURRENT = {
  vocabulary: 100,
  positions: 4,
  prompts: [6, 5, 5],
  samples: 16,
  sparks: DEFAULTS.sparks,
  tail: 0.2,
  embedding: 24,
  hidden: 16,
  outputScale: 0.1, // of O before training
  learningRate: 0.03,
  steps: 400,
  evaluateEvery: 20,
  loss: { objective: 'grpo' },
  seed: 0,
};

/** Weights before training, and the prompts. */
export function createNetwork(options) {
  const { vocabulary: V, hidden: H, embedding: D, outputScale, seed } = options;
  const random = new Random(1000 + seed);
  const kinds = kindsOf(options);
  const normal = (size, scale) => Float64Array.from({ length: size }, () => scale * random.normal());
  const weights = {
    b: Float64Array.from(initialLogProbs(options, random)),
    O: normal(V * H, outputScale),
    A: normal(H * H, 1 / Math.sqrt(H)),
    E: normal(V * H, 0.5),
    W: normal(H * D, 1.5),
  };
  const units = unitVectors(kinds.length, D, random);
  const solutions = drawSolutions(kinds, options, random);
  const gradients = Object.fromEntries(
    Object.entries(weights).map(([name, array]) => [name, new Float64Array(array.length)]),
  );
  return {
    options,
    kinds,
    units,
    solutions,
    weights,
    gradients,
    P: kinds.length,
    L: options.positions,
    V,
    H,
    D,
  };
}

/** h_t of prompt x after a token (t > 0) or of the prompt alone, into `state` from `at` on. */
export function advance({ weights: { A, E, W }, units, H, D }, x, token, state, at) {
  for (let i = 0; i < H; i++) {
    let sum = 0;
    if (token < 0) for (let k = 0; k < D; k++) sum += W[i * D + k] * units[x][k];
    else {
      sum = E[token * H + i];
      for (let k = 0; k < H; k++) sum += A[i * H + k] * state[at - H + k];
    }
    state[at + i] = Math.tanh(sum);
  }
}

export function writeLogits({ weights: { b, O }, V, H }, state, at, logits, to) {
  for (let v = 0; v < V; v++) {
    let sum = b[v];
    for (let k = 0; k < H; k++) sum += O[v * H + k] * state[at + k];
    logits[to + v] = sum;
  }
}

/** Adds one sequence's part to the gradients, from `G`, the gradient of its logits, backwards in time. */
export function backpropagate({ weights, gradients, units, L, V, H, D }, x, actions, state, G, scratch) {
  const { later, hidden } = scratch; // d loss / d (argument of tanh) at t + 1, d loss / d h_t
  for (let t = L - 1; t >= 0; t--) {
    for (let k = 0; k < H; k++) {
      hidden[k] = 0;
      if (t < L - 1) for (let i = 0; i < H; i++) hidden[k] += weights.A[i * H + k] * later[i];
    }
    for (let v = 0; v < V; v++) {
      const g = G[t * V + v];
      gradients.b[v] += g;
      for (let k = 0; k < H; k++) {
        gradients.O[v * H + k] += g * state[t * H + k];
        hidden[k] += g * weights.O[v * H + k];
      }
    }
    for (let i = 0; i < H; i++) later[i] = hidden[i] * (1 - state[t * H + i] ** 2);
    for (let i = 0; i < H; i++) {
      if (t === 0) for (let k = 0; k < D; k++) gradients.W[i * D + k] += later[i] * units[x][k];
      else {
        gradients.E[actions[t - 1] * H + i] += later[i];
        for (let k = 0; k < H; k++) gradients.A[i * H + k] += later[i] * state[(t - 1) * H + k];
      }
    }
  }
}

/** Exact quantities. Sparks and noise are those that the policy sees along each prompt's all-top path. */
function evaluate(network) {
  const { options, kinds, solutions, P, L, V, H } = network;
  const state = new Float64Array(L * H);
  const walk = (x, path) => {
    const logits = new Float32Array(L * V);
    for (let t = 0; t < L; t++) {
      advance(network, x, t === 0 ? -1 : path[t - 1], state, t * H);
      writeLogits(network, state, t * H, logits, t * V);
    }
    const rows = { data: logits, dtype: 'float32', shape: [L, V] };
    const actions = Int32Array.from(path);
    const outputs = ['logProbs', 'entropy', 'logKeptMass', 'logSumExp'];
    return { logits, ...tokenStatsSync({ logits: rows, actions }, { filter: FILTER, outputs }).tokens };
  };
  const found = { success: [], needed: [], sparks: [], noise: [], entropy: [], kept: [] };
  for (let x = 0; x < P; x++) {
    const paths = solutions[x].map((path) => walk(x, path));
    const chance = paths.reduce((sum, { logProbs }) => sum + Math.exp(logProbs.reduce((a, b) => a + b)), 0);
    found.success.push(Math.min(1, chance));
    solutions[x][0].forEach((token, t) => {
      if (token > 0) found.needed.push(Math.exp(paths[0].logProbs[t]));
    });
    const top = walk(x, new Uint8Array(L));
    found.entropy.push(...top.entropy);
    found.kept.push(...top.logKeptMass.map(Math.exp));
    for (let t = 0; t < L; t++) {
      const logProb = (v) => top.logits[t * V + v] - top.logSumExp[t];
      const sparks = options.sparks.map((_, s) => logProb(s + 1));
      found.sparks.push(...sparks);
      found.noise.push(1 - Math.exp(logProb(0)) - sparks.reduce((sum, lp) => sum + Math.exp(lp), 0));
    }
  }
  const passAt = (k, kind) =>
    mean(
      found.success.filter((_, x) => kind === undefined || kinds[x] === kind).map((p) => 1 - (1 - p) ** k),
    );
  return {
    entropy: mean(found.entropy),
    pass1: passAt(1),
    pass16: passAt(16),
    hardPass64: passAt(64, 2),
    neededSpark: mean(found.needed),
    sparkGeometric: Math.exp(mean(found.sparks)),
    noiseMass: mean(found.noise),
    keptMass: mean(found.kept),
  };
}

/** One run. Same options, same bits. */
export function simulateRecurrent(options) {
  const network = createNetwork(options);
  const { solutions, weights, gradients, P, L, V, H } = network;
  const { samples: G, learningRate, sparks } = options;
  const random = new Random(9000 + options.seed);
  const [B, shape] = [P * G, [P * G, L, V]];
  const logits = { data: new Float32Array(B * L * V), dtype: 'float32', shape };
  const into = { data: new Float32Array(B * L * V), dtype: 'float32', shape };
  const states = new Float64Array(B * L * H);
  const batch = {
    logits,
    actions: new Int32Array(B * L),
    oldLogProbs: new Float32Array(B * L),
    advantages: new Float32Array(B),
  };
  const scratch = { later: new Float64Array(H), hidden: new Float64Array(H) };

  function sample() {
    for (let x = 0; x < P; x++) {
      const rewards = Array.from({ length: G }, (_, i) => {
        const n = (x * G + i) * L;
        for (let t = 0; t < L; t++) {
          advance(network, x, t === 0 ? -1 : batch.actions[n + t - 1], states, (n + t) * H);
          writeLogits(network, states, (n + t) * H, logits.data, (n + t) * V);
          draw(n + t);
        }
        return solutions[x].some((path) => path.every((token, t) => token === batch.actions[n + t])) ? 1 : 0;
      });
      batch.advantages.set(groupAdvantages(rewards), x * G);
    }
    return batch;
  }
  const cumulative = new Float64Array(V);
  function draw(row) {
    let sum = 0;
    for (let v = 0; v < V; v++) {
      sum += Math.exp(logits.data[row * V + v]); // logits stay near log-probabilities: no overflow
      cumulative[v] = sum;
    }
    const u = random.uniform() * sum;
    let v = 0;
    while (cumulative[v] <= u) v++;
    batch.actions[row] = v;
    batch.oldLogProbs[row] = logits.data[row * V + v] - Math.log(sum);
  }
  function gradient(policyLoss) {
    const start = performance.now();
    const { metrics, tokens } = policyLoss.forwardBackwardSync(
      { ...batch, tokenCount: B },
      { into, outputs: policyLoss.options.objective === 'lp-reg' ? ['selected'] : [] },
    );
    const milliseconds = performance.now() - start;
    return { metrics, milliseconds, ...countSelected(metrics, tokens, batch.actions, sparks.length) };
  }
  function descend() {
    for (const array of Object.values(gradients)) array.fill(0);
    for (let n = 0; n < B; n++) {
      const G = into.data.subarray(n * L * V, (n + 1) * L * V);
      if (options.loss.entropyCoef === undefined && batch.advantages[n] === 0) continue; // G is 0
      const state = states.subarray(n * L * H, (n + 1) * L * H);
      backpropagate(
        network,
        Math.floor(n / options.samples),
        batch.actions.subarray(n * L),
        state,
        G,
        scratch,
      );
    }
    for (const [name, array] of Object.entries(weights)) {
      for (let i = 0; i < array.length; i++) array[i] -= learningRate * gradients[name][i];
    }
  }
  return train(options, { sample, gradient, descend, evaluate: () => evaluate(network) });
}
