// How fast one step at the initial policy moves log-probabilities, by the library's own gradients and in closed form.
import { PolicyLoss } from 'lp-reg';
import { ARMS } from './arms.mjs';
import { drawThresholds, drift, exactRows, expectedGradient } from './closed-form.mjs';
import { createEnvironment, DEFAULTS } from './environment.mjs';
import { createGradient, createSampler } from './simulate.mjs';
import { meanAndError } from './statistics.mjs';

/** Arms of the table; each is compared with `grpo` on the same batches. */
export const DRIFT_ARMS = Object.keys(ARMS).filter((name) => !/^(clip-higher|kept b[248])$/.test(name));

const meanDrift = (rows, gradientOf, sparks) => {
  const total = { top: 0, spark: 0, noise: 0 };
  rows.forEach((row, i) => {
    for (const [name, value] of Object.entries(drift(gradientOf(row, i), row.p, sparks)))
      total[name] += value / rows.length;
  });
  return total;
};

/** Drift under an arm whose selection has a closed form: GRPO, `kept`, the entropy bonus. */
export function expectedDrift(options, loss) {
  const { rows, sparks } = exactRows(createEnvironment({ ...DEFAULTS, ...options }));
  return meanDrift(rows, (row) => expectedGradient(loss, row, []), sparks);
}

/**
 * @param options - Of the simulation.
 * @returns For each arm the drift of log p as `expected`, and as `measured` with its standard error; for arms other than
 *   GRPO the part that the regulariser adds, measured on the same batches.
 */
export function driftOf(options, batches, arms = DRIFT_ARMS) {
  const environment = createEnvironment({ ...DEFAULTS, ...options });
  const { logits, P, V } = environment;
  const { rows, sparks } = exactRows(environment);
  const sample = createSampler(environment);
  const gradient = createGradient(environment);
  const losses = arms.map((name) => new PolicyLoss(ARMS[name]));
  const observed = arms.map(() => []);
  const metrics = arms.map(() => []);
  for (let n = 0; n < batches; n++) {
    const batch = sample(logits);
    losses.forEach((policyLoss, arm) => {
      const { sums, prompts, metrics: found, selectedSparks } = gradient(policyLoss, logits, batch);
      const size = V * environment.L;
      const place = new Map(prompts.map((x, at) => [x, at]));
      const zero = new Float64Array(V);
      const gradientOf = (_, i) => {
        const at = place.get(Math.floor(i / environment.L));
        if (at === undefined) return zero;
        const from = at * size + (i % environment.L) * V;
        return sums.subarray(from, from + V).map((value) => -P * value);
      };
      observed[arm].push(meanDrift(rows, gradientOf, sparks));
      metrics[arm].push({ ...found, selectedSparks });
    });
  }
  const thresholds = drawThresholds(
    environment,
    arms.map((name) => ARMS[name]),
    4 * batches,
  );
  const expected = arms.map((name, arm) =>
    meanDrift(rows, (row) => expectedGradient(ARMS[name], row, thresholds[arm]), sparks),
  );
  const base = arms.indexOf('grpo');
  const mean = (arm, key) => metrics[arm].reduce((sum, found) => sum + found[key], 0) / batches;
  return {
    keptMass: rows.reduce((sum, row) => sum + row.keptMass, 0) / rows.length,
    arms: Object.fromEntries(
      arms.map((name, arm) => {
        const part = (from, n) => (key) =>
          from[key] - (arm === base ? 0 : n === undefined ? expected[base][key] : observed[base][n][key]);
        const keys = ['top', 'spark', 'noise'];
        return [
          name,
          {
            expected: Object.fromEntries(keys.map((key) => [key, part(expected[arm])(key)])),
            measured: Object.fromEntries(
              keys.map((key) => [key, meanAndError(observed[arm].map((found, n) => part(found, n)(key)))]),
            ),
            selected: mean(arm, 'selectedCount'),
            selectedSparks: mean(arm, 'selectedSparks'),
            pullRatio: mean(arm, 'pullRatio'),
            negative: mean(arm, 'negativeCount'),
          },
        ];
      }),
    ),
  };
}
