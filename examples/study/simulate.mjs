// The algorithm of the study: policies of environment.mjs trained by policy gradients that come from PolicyLoss.
// docs/evidence.md says what it is for.
import { PolicyLoss, tokenStatsSync } from 'lp-reg';
import { Random } from '../../dist/bench/random.js';
import { createAdam } from './adam.mjs';
import { createEnvironment, DEFAULTS, evaluatePolicy, FILTER, mean } from './environment.mjs';

const FILLER_LOGIT = 20; // a probability of 1 - 4e-7

/** GRPO: rewards of one prompt's answers, zeros and ones, less their mean over their deviation; 0 if all are alike. */
export function groupAdvantages(rewards) {
  const mean = rewards.reduce((a, b) => a + b) / rewards.length;
  const deviation = Math.sqrt((rewards.length * mean * (1 - mean)) / (rewards.length - 1));
  return rewards.map((reward) => (deviation > 0 ? (reward - mean) / (deviation + 1e-6) : 0));
}

/** Draws G answers per prompt from the current logits, scores them, and forms the group's advantages. */
export function createSampler({ options, solutions, P, L, V, G }) {
  const random = new Random(9000 + options.seed);
  const rows = P * L * G; // row (x L + t) G + i: prompt x, position t, answer i
  const batch = {
    actions: new Int32Array(rows),
    logProbs: new Float32Array(rows),
    advantages: new Float32Array(rows),
    live: new Uint8Array(P), // whether the group's advantages are not all 0
  };
  const cumulative = new Float64Array(V);
  const rewards = new Float64Array(G);
  function drawRow(row, logits) {
    const offset = row * V;
    let max = Number.NEGATIVE_INFINITY;
    for (let v = 0; v < V; v++) if (logits[offset + v] > max) max = logits[offset + v];
    let sum = 0;
    for (let v = 0; v < V; v++) {
      sum += Math.exp(logits[offset + v] - max);
      cumulative[v] = sum;
    }
    const logSumExp = max + Math.log(sum);
    for (let i = row * G; i < (row + 1) * G; i++) {
      const u = random.uniform() * sum;
      let v = 0;
      while (cumulative[v] <= u) v++;
      batch.actions[i] = v;
      batch.logProbs[i] = logits[offset + v] - logSumExp;
    }
  }
  function solves(x, i) {
    for (const path of solutions[x]) {
      let t = 0;
      while (t < L && path[t] === batch.actions[(x * L + t) * G + i]) t++;
      if (t === L) return true;
    }
    return false;
  }
  return function sample(logits) {
    for (let row = 0; row < P * L; row++) drawRow(row, logits);
    for (let x = 0; x < P; x++) {
      for (let i = 0; i < G; i++) rewards[i] = solves(x, i) ? 1 : 0;
      const advantages = groupAdvantages(rewards);
      batch.live[x] = advantages[0] === 0 ? 0 : 1;
      for (let t = 0; t < L; t++) batch.advantages.set(advantages, (x * L + t) * G);
    }
    return batch;
  };
}

/** d loss / d logits [prompt, position, token], averaged over answers, by PolicyLoss; with its metrics. */
export function createGradient({ options, P, L, V, G }) {
  const { fillers } = options;
  const width = L * G * (1 + fillers); // rows of a prompt
  const buffers = { logits: new Float32Array(P * width * V), gradient: new Float32Array(P * width * V) };
  const perRow = {
    actions: new Int32Array(P * width),
    oldLogProbs: new Float32Array(P * width),
    advantages: new Float32Array(P * width),
    proxyLogProbs: new Float32Array(P * width),
  };
  const sums = new Float64Array(P * L * V);
  const result = { sums, prompts: [], metrics: null, selectedSparks: 0, selectedTop: 0, milliseconds: 0 };
  let tensors;

  function fill(logits, batch, prompts, first) {
    const N = prompts.length * width;
    const view = (array, size = N) => array.subarray(0, size);
    const tensor = (array) => ({ data: view(array, N * V), dtype: 'float32', shape: [1, N, V] });
    if (tensors?.rows !== N) {
      tensors = { rows: N, logits: tensor(buffers.logits), into: tensor(buffers.gradient) };
      for (const [name, array] of Object.entries(perRow)) tensors[name] = view(array);
    }
    for (let place = 0; place < prompts.length; place++) {
      const row = prompts[place] * L;
      const to = place * width;
      for (let t = 0; t < L; t++) fillRows(logits, row + t, to + t * G);
      if (first) {
        perRow.actions.set(batch.actions.subarray(row * G, (row + L) * G), to);
        perRow.oldLogProbs.set(batch.logProbs.subarray(row * G, (row + L) * G), to);
        perRow.advantages.set(batch.advantages.subarray(row * G, (row + L) * G), to);
      }
      if (fillers > 0) addFillers(to, L * G);
    }
  }
  function fillRows(logits, row, to) {
    for (let v = 0; v < V; v++) buffers.logits[to * V + v] = logits[row * V + v];
    for (let i = 1; i < G; i++) buffers.logits.copyWithin((to + i) * V, to * V, (to + 1) * V);
  }
  function addFillers(place, decisions) {
    const [from, to] = [place + decisions, place + width];
    buffers.logits.fill(0, from * V, to * V);
    for (let i = from; i < to; i++) buffers.logits[i * V] = FILLER_LOGIT;
    perRow.actions.fill(0, from, to);
    perRow.oldLogProbs.fill(0, from, to);
    for (let at = from; at < to; at += decisions) perRow.advantages.copyWithin(at, place, from);
  }

  function sumOverAnswers(prompts) {
    const { gradient } = buffers;
    for (let row = 0; row < prompts.length * L; row++) {
      const from = (Math.floor(row / L) * width + (row % L) * G) * V;
      const to = row * V;
      for (let v = 0; v < V; v++) sums[to + v] = 0;
      for (let i = 0; i < G; i += 4) {
        const a = from + i * V;
        const b = a + V;
        const c = b + V;
        const d = c + V;
        for (let v = 0; v < V; v++)
          sums[to + v] += gradient[a + v] + gradient[b + v] + gradient[c + v] + gradient[d + v];
      }
    }
  }

  /** @param first - Whether this is the batch's first epoch: the logits are those that sampled it. */
  return function gradient(policyLoss, logits, batch, first = true) {
    const { objective, form, entropyCoef, proxy } = policyLoss.options;
    // Groups without a signal have gradient 0, unless the entropy counts or a quantile runs over all tokens.
    const all = entropyCoef !== 0 || form === 'paper';
    const prompts = [...batch.live.keys()].filter((x) => all || batch.live[x] === 1);
    Object.assign(result, { prompts, metrics: null, selectedSparks: 0, selectedTop: 0, milliseconds: 0 });
    if (prompts.length === 0) return result;
    fill(logits, batch, prompts, first);
    const { into, rows: _, proxyLogProbs, ...inputs } = tensors;
    const stored = proxy === 'stored' ? { proxyLogProbs } : {};
    const start = performance.now();
    if (proxy === 'stored' && first) {
      const stats = tokenStatsSync({ logits: inputs.logits, actions: inputs.actions }, { filter: FILTER });
      proxyLogProbs.set(stats.tokens.proxyLogProbs);
    }
    const { metrics, tokens } = policyLoss.forwardBackwardSync(
      { ...inputs, ...stored, tokenCount: P * G },
      { into, outputs: objective === 'lp-reg' ? ['selected'] : [] },
    );
    result.milliseconds = performance.now() - start;
    result.metrics = metrics;
    Object.assign(result, countSelected(metrics, tokens, inputs.actions, options.sparks.length));
    sumOverAnswers(prompts);
    return result;
  };
}

/** How many of the selected tokens are sparks, and top tokens. */
export function countSelected({ selectedCount }, { selected }, actions, sparks) {
  const counts = { selectedSparks: 0, selectedTop: 0 };
  if (!(selectedCount > 0)) return counts;
  selected.forEach((isSelected, i) => {
    if (isSelected === 0) return;
    if (actions[i] === 0) counts.selectedTop++;
    else if (actions[i] <= sparks) counts.selectedSparks++;
  });
  return counts;
}

/** Gradient descent on Theta, as a step on the logits. @param gradient - Of {@link createGradient}. */
export function descend({ leak, P, L, V }, learningRate, logits, { sums, prompts }) {
  const size = L * V;
  const last = prompts.length - 1;
  const factors = (x, from) =>
    [0, 1, 2, 3].map((n) => (from + n <= last ? -learningRate * leak[x][prompts[from + n]] : 0));
  // A product of two matrices in tiles of 2 by 4 prompts, which read and write less than one pair at a time.
  for (let x = 0; x < P; x += 2) {
    const [to, next] = [x * size, (x + 1) * size];
    for (let from = 0; from <= last; from += 4) {
      const [p, q, r, s] = factors(x, from);
      const [k, l, m, n] = factors(x + 1, from);
      const [a, b, c, d] = [0, 1, 2, 3].map((place) => Math.min(from + place, last) * size);
      for (let j = 0; j < size; j++) {
        const ga = sums[a + j];
        const gb = sums[b + j];
        const gc = sums[c + j];
        const gd = sums[d + j];
        logits[to + j] += p * ga + q * gb + r * gc + s * gd;
        logits[next + j] += k * ga + l * gb + m * gc + n * gd;
      }
    }
  }
}

/**
 * The training loop.
 * @param policy - `sample()` draws a batch; `gradient(policyLoss, batch, first)` gives PolicyLoss's gradient, its metrics
 *   (null where no prompt has a signal) and counts; `descend(pass)` applies it; `evaluate()` gives what is exact.
 * @returns The evaluations, and milliseconds in all and in lp-reg.
 */
export function train({ loss, steps, epochs = 1, evaluateEvery, betaRule = null }, policy) {
  let policyLoss = new PolicyLoss(loss);
  const isLpReg = loss.objective === 'lp-reg';
  const evaluations = [];
  const started = performance.now();
  let lpRegMilliseconds = 0;
  let window = [];
  const calibration = [];
  for (let step = 0; ; step++) {
    if (step % evaluateEvery === 0) {
      const per = (key) => (step === 0 ? null : mean(window.map((counts) => counts?.[key] ?? 0)));
      evaluations.push({
        step,
        ...policy.evaluate(),
        negativePerBatch: per('negativeCount'),
        selectedPerBatch: per('selectedCount'),
        selectedSparksPerBatch: per('selectedSparks'),
        selectedTopPerBatch: per('selectedTop'),
        pullRatio: isLpReg ? per('pullRatio') : 0,
        beta: policyLoss.options.beta ?? null,
      });
      window = [];
    }
    if (step === steps) break;
    const batch = policy.sample();
    for (let epoch = 0; epoch < epochs; epoch++) {
      const { metrics, selectedSparks, selectedTop, milliseconds, ...pass } = policy.gradient(
        policyLoss,
        batch,
        epoch === 0,
      );
      lpRegMilliseconds += milliseconds;
      if (epoch === 0) window.push(metrics && { ...metrics, selectedSparks, selectedTop });
      if (metrics === null) break;
      policy.descend(pass);
      if (epoch === 0) calibration.push(metrics.pullRatio);
    }
    if (calibration.length === betaRule?.batches) {
      const beta = loss.beta * (betaRule.pullRatio / mean(calibration));
      policyLoss = new PolicyLoss({ ...loss, beta });
      betaRule = null;
    }
  }
  return { evaluations, milliseconds: performance.now() - started, lpRegMilliseconds };
}

/** One run. Same options, same bits. @param given - What deviates from {@link DEFAULTS}. */
export function simulate(given) {
  const options = { ...DEFAULTS, ...given };
  const environment = createEnvironment(options);
  const { logits } = environment;
  const sample = createSampler(environment);
  const gradient = createGradient(environment);
  const adam = options.optimiser === 'adam' ? createAdam(environment, options.learningRate) : null;
  return train(options, {
    sample: () => sample(logits),
    gradient: (policyLoss, batch, first) => gradient(policyLoss, logits, batch, first),
    descend: (pass) => (adam ? adam(logits, pass) : descend(environment, options.learningRate, logits, pass)),
    evaluate: () => evaluatePolicy(environment, logits),
  });
}
