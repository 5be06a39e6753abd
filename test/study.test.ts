/** The study's gradients, evaluation and bookkeeping; its results are in docs/evidence.md. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

// Not literals: examples/ is plain JavaScript without declarations.
const study = (file: string) => import(new URL(`../examples/study/${file}`, import.meta.url).href);
const { ARMS, ENVIRONMENTS } = await study('arms.mjs');
const { createEnvironment, DEFAULTS, evaluatePolicy } = await study('environment.mjs');
const { createAdam } = await study('adam.mjs');
const { createGradient, createSampler, descend, simulate } = await study('simulate.mjs');
const { driftOf } = await study('drift.mjs');
const { advance, backpropagate, createNetwork, RECURRENT, writeLogits } = await study('recurrent.mjs');
const { PLANS } = await study('plans.mjs');
const { agrees, reproduction } = await study('reproduction.mjs');
const { fillDocument } = await study('report/document.mjs');
const { thresholdTest } = await study('report/threshold.mjs');
const { halfLife, interval } = await study('statistics.mjs');
const { PolicyLoss } = await import('../lib/index.js');

type Moves<T> = Record<'top' | 'spark' | 'noise', T>;
interface DriftRow {
  readonly expected: Moves<number>;
  readonly measured: Moves<{ readonly mean: number; readonly error: number }>;
}

const FULL = process.env.LPREG_TEST_FULL;
const SMALL = { ...DEFAULTS, vocabulary: 12, steps: 8, evaluateEvery: 4, seed: 3 };

describe('drift of log-probabilities at the initial policy', () => {
  const tails = FULL ? [0.03, 0.1, 0.2, 0.3] : [0.1];
  const batches = FULL ? 150 : 24;
  it.each(tails)(
    'tail %f: every arm of the library comes out as in closed form, to sampling error',
    (tail) => {
      const { arms } = driftOf({ ...ENVIRONMENTS.A, tail, seed: 1 }, batches);
      expect(Object.keys(arms)).toEqual(
        Object.keys(ARMS).filter((name) => !/clip-higher|kept b[248]/.test(name)),
      );
      for (const [name, { expected, measured }] of Object.entries<DriftRow>(arms)) {
        for (const key of ['top', 'spark', 'noise'] as const) {
          const { mean, error } = measured[key];
          // An arm without sampling (the entropy bonus) has float32 rounding for its only error.
          expect(Math.abs(mean - expected[key]), `${name}, ${key}`).toBeLessThan(4.5 * error + 3e-6);
        }
      }
      // The comparison has teeth: what is compared is far from 0, and from the other arms.
      expect(arms.grpo.measured.spark.mean).toBeLessThan(-20 * arms.grpo.measured.spark.error);
      expect(arms['kept b1'].measured.spark.mean).toBeGreaterThan(10 * arms['kept b1'].measured.spark.error);
      expect(arms['kl rho 1'].measured.spark.mean).toBeLessThan(-10 * arms['kl rho 1'].measured.spark.error);
    },
  );
});

describe('simulation', () => {
  it('same seed: the same bits; another seed: others', () => {
    const of = (seed: number) =>
      JSON.stringify(simulate({ ...SMALL, loss: ARMS['kept b4'], seed }).evaluations);
    expect(of(3)).toBe(of(3));
    expect(of(3)).not.toBe(of(4));
  });

  it('pass@k is that of enumerating every answer', () => {
    const options = { ...DEFAULTS, vocabulary: 7, positions: 3, prompts: [2, 2, 2], seed: 5 };
    const environment = createEnvironment(options);
    const { logits, solutions, L, V } = environment;
    const probability = (row: number, v: number) => {
      const weights = Array.from(logits.slice(row * V, (row + 1) * V), (z) => Math.exp(z as number));
      return (weights[v] as number) / weights.reduce((a, b) => a + b);
    };
    const success = solutions.map((paths: Uint8Array[], x: number) => {
      let total = 0;
      for (let code = 0; code < V ** L; code++) {
        const answer = Array.from({ length: L }, (_, t) => Math.floor(code / V ** t) % V);
        if (!paths.some((path) => answer.every((v, t) => v === path[t]))) continue;
        total += answer.reduce((product, v, t) => product * probability(x * L + t, v), 1);
      }
      return total;
    });
    const found = evaluatePolicy(environment, logits);
    for (const [key, k] of [
      ['pass1', 1],
      ['pass16', 16],
      ['pass64', 64],
    ] as const) {
      const mean = success.reduce((sum: number, p: number) => sum + 1 - (1 - p) ** k, 0) / success.length;
      expect(found[key]).toBeCloseTo(mean, 6);
    }
  });

  it('a step on the logits is that of gradient descent on the shared weights, for any number of prompts', () => {
    const environment = createEnvironment({ ...DEFAULTS, vocabulary: 6, positions: 2, prompts: [2, 2, 2] });
    const { leak, P, L, V } = environment;
    const size = L * V;
    for (const prompts of [[0], [1, 2, 5], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5]]) {
      const sums = Float64Array.from({ length: prompts.length * size }, (_, i) => Math.sin(i));
      const logits = new Float64Array(P * size);
      descend(environment, 0.5, logits, { sums, prompts });
      for (let x = 0; x < P; x++) {
        for (let j = 0; j < size; j++) {
          const wanted = prompts.reduce(
            (sum, y, place) => sum - 0.5 * leak[x][y] * (sums[place * size + j] as number),
            0,
          );
          expect(logits[x * size + j]).toBeCloseTo(wanted, 12);
        }
      }
    }
  });

  it('a step of Adam is that of Adam on the shared weights, prompts without a signal included', () => {
    const environment = createEnvironment({ ...DEFAULTS, vocabulary: 6, positions: 2, prompts: [2, 2, 2] });
    const { features, P, L, V } = environment;
    const size = L * V;
    const weights = features[0].length * size;
    const theta = Array.from({ length: weights }, () => ({ value: 0, first: 0, second: 0 }));
    const logits = new Float64Array(P * size);
    const step = createAdam(environment, 0.01);
    [[0, 1, 2, 3, 4, 5], [1, 4], [0]].forEach((prompts, t) => {
      const sums = Float64Array.from({ length: prompts.length * size }, (_, i) => Math.sin(i + t));
      step(logits, { sums, prompts });
      theta.forEach((weight, at) => {
        const [k, j] = [Math.floor(at / size), at % size];
        const gradient = prompts.reduce(
          (sum, y, place) => sum + features[y][k] * (sums[place * size + j] as number),
          0,
        );
        weight.first = 0.9 * weight.first + 0.1 * gradient;
        weight.second = 0.999 * weight.second + 0.001 * gradient ** 2;
        const corrected = weight.second / (1 - 0.999 ** (t + 1));
        weight.value -= (0.01 * weight.first) / (1 - 0.9 ** (t + 1)) / (Math.sqrt(corrected) + 1e-8);
      });
      for (let x = 0; x < P; x++) {
        for (let j = 0; j < size; j++) {
          const wanted = features[x].reduce(
            (sum: number, phi: number, k: number) => sum + phi * (theta[k * size + j]?.value ?? Number.NaN),
            0,
          );
          expect(logits[x * size + j]).toBeCloseTo(wanted, 10);
        }
      }
    });
  });

  it('fillers: rho with F of them per decision point selects what rho (1 + F) selects without', () => {
    const of = (fillers: number, rhoNeg: number) => {
      const environment = createEnvironment({ ...DEFAULTS, tail: 0.1, fillers });
      const batch = createSampler(environment)(environment.logits);
      const policyLoss = new PolicyLoss({ ...ARMS['k3 rho .3'], rhoNeg });
      const { sums, prompts, metrics } = createGradient(environment)(policyLoss, environment.logits, batch);
      return { sums: sums.slice(0, prompts.length * environment.L * environment.V), metrics };
    };
    const [with4, without] = [of(4, 0.05), of(0, 0.25)];
    expect(without.metrics.selectedCount).toBeGreaterThan(10);
    expect(with4.metrics.selectedCount).toBe(without.metrics.selectedCount);
    expect(with4.metrics.negativeCount).toBe(5 * without.metrics.negativeCount);
    expect(with4.sums).toEqual(without.sums);
  });

  it('recurrent policy: backpropagation agrees with central differences in every weight', () => {
    const network = createNetwork({
      ...RECURRENT,
      vocabulary: 8,
      hidden: 3,
      embedding: 2,
      prompts: [1, 1, 0],
      seed: 2,
    });
    const { weights, gradients, L, V, H } = network;
    const actions = [3, 0, 5, 1];
    const G = Float64Array.from({ length: L * V }, (_, i) => Math.cos(3 * i));
    const state = new Float64Array(L * H);
    const value = () => {
      const logits = new Float64Array(L * V);
      for (let t = 0; t < L; t++) {
        advance(network, 1, t === 0 ? -1 : actions[t - 1], state, t * H);
        writeLogits(network, state, t * H, logits, t * V);
      }
      return logits.reduce((sum, z, i) => sum + z * (G[i] as number), 0);
    };
    value();
    const scratch = { later: new Float64Array(H), hidden: new Float64Array(H) };
    backpropagate(network, 1, actions, state, G, scratch);
    for (const [name, array] of Object.entries<Float64Array>(weights)) {
      array.forEach((weight, i) => {
        const at = (w: number) => {
          array[i] = w;
          return value();
        };
        const slope = (at(weight + 1e-5) - at(weight - 1e-5)) / 2e-5;
        array[i] = weight;
        expect(gradients[name][i], `${name}[${i}]`).toBeCloseTo(slope, 6);
      });
    }
  });
});

describe('statistics', () => {
  it('half-life: interpolated between evaluations; the last step where it is never reached', () => {
    expect(
      halfLife([
        [0, 8],
        [50, 6],
        [100, 2],
        [150, 1],
      ]),
    ).toBe(75);
    expect(
      halfLife([
        [0, 8],
        [50, 4],
        [100, 5],
      ]),
    ).toBe(100);
  });

  it('intervals are those of Student’s t', () => {
    // Five values with mean 3 and standard error sqrt(0.5): t of 4 degrees of freedom is 2.776.
    expect(interval([1, 2, 3, 4, 5])).toEqual({ mean: 3, half: 2.776 * Math.sqrt(0.5), n: 5 });
    expect(interval([7])).toEqual({ mean: 7, half: null, n: 1 });
    // Sixteen and 31 values that deviate by 1: t of 15 and of 30 degrees of freedom is 2.1314 and 2.0423.
    const t = (n: number) => {
      const values: number[] = Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : -1));
      const mean = values.reduce((a, b) => a + b) / n;
      const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1) / n);
      return interval(values).half / deviation;
    };
    expect(t(16)).toBeCloseTo(2.1314, 2);
    expect(t(31)).toBeCloseTo(2.0423, 3);
  });

  it('a figure of the first study outside of both intervals disagrees', () => {
    expect(agrees([10, 1], { mean: 12, half: 1.5 })).toBe(true);
    expect(agrees([10, 1], { mean: 13, half: 1.5 })).toBe(false);
    expect(agrees([10, null], { mean: 11, half: 0.1 })).toBe(true); // within 10 %
    expect(agrees([10, null], { mean: 12, half: 0.1 })).toBe(false);
  });
});

describe('plans', () => {
  it.each(Object.keys(PLANS))('%s: PolicyLoss takes the options of every run', (plan) => {
    const losses = new Set<string>(
      PLANS[plan]().map((job: { options: { loss: object } }) => JSON.stringify(job.options.loss)),
    );
    for (const loss of losses) expect(() => new PolicyLoss(JSON.parse(loss)), loss).not.toThrow();
  });
});

it('docs/evidence.md has the tables of the committed results', () => {
  const root = join(import.meta.dirname, '..');
  const results = (name: string) =>
    JSON.parse(readFileSync(join(root, 'examples/study/results', name), 'utf8'));
  const [runs, drift] = [results('study.json'), results('drift.json')];
  const folder = mkdtempSync(join(tmpdir(), 'evidence-'));
  try {
    const [document, copy] = [join(root, 'docs/evidence.md'), join(folder, 'evidence.md')];
    copyFileSync(document, copy);
    fillDocument(copy, {
      study: runs,
      agreement: reproduction(runs, drift),
      test: thresholdTest(runs, drift),
    });
    expect(readFileSync(copy, 'utf8')).toBe(readFileSync(document, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('npm run study', () => {
  const main = join(import.meta.dirname, '../examples/study/main.mjs');
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--plan', 'tiny', ...args], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  };
  const sorted = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n').sort();

  it('stopped in the middle of a line, it resumes to the same lines, each with its options and its commit', () => {
    const folder = mkdtempSync(join(tmpdir(), 'study-'));
    try {
      const file = join(folder, 'runs.jsonl');
      expect(run('--out', file)).toMatch(
        /ms per step and worker.*, of which \d+ % in lp-reg[\s\S]*kept b4 +2 /,
      );
      const whole = readFileSync(file, 'utf8');
      const lines = sorted(file);
      expect(lines).toHaveLength(4 * 3); // 4 runs, evaluated at steps 0, 3 and 6
      for (const line of lines) {
        const { name, options, commit } = JSON.parse(line);
        expect(options).toMatchObject({ tail: name.tail, seed: name.seed, steps: 6, loss: ARMS[name.arm] });
        expect(commit === null || /^[0-9a-f]{12}\+?$/.test(commit)).toBe(true);
      }
      writeFileSync(file, whole.slice(0, whole.length * 0.6));
      expect(run('--out', file, '--workers', '1')).toContain('runs were in the file already');
      const resumed = new Set(sorted(file));
      expect([...resumed].sort()).toEqual(lines);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
