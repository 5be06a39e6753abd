/** The examples of docs/data-parallel.md in worker threads: a batch in shards gives what the batch in one gives. */
import { expect, test } from 'vitest';
import { runScript, workerSource } from './support/child.js';
import { exampleBody } from './support/documents.js';

/** Sequences of each worker's shard; the second one is masked altogether. */
const SPLIT = [3, 1, 2];
const [TOKENS, VOCAB] = [6, 23];

/** Defines `whole()` and `part(rank)`: the batch of all workers, and one worker's own. */
const DATA = `
  const [T, V, SPLIT] = [${TOKENS}, ${VOCAB}, ${JSON.stringify(SPLIT)}];
  const wave = (i, seed) => Math.sin(12.9898 * i + seed) * 43758.5453 % 1;
  function whole() {
    const N = SPLIT.reduce((sum, B) => sum + B) * T;
    const masked = (i) => Math.floor(i / T) === SPLIT[0] || i % T === 5;
    return {
      logits: { data: Float32Array.from({ length: N * V }, (_, i) => 3 * wave(i, 0)), dtype: 'float32', shape: [N / T, T, V] },
      actions: Int32Array.from({ length: N }, (_, i) => (7 * i) % V),
      oldLogProbs: Float32Array.from({ length: N }, (_, i) => -3 + wave(i, 1)),
      advantages: Float32Array.from({ length: N }, (_, i) => 2 * wave(i, 2)),
      mask: Uint8Array.from({ length: N }, (_, i) => (masked(i) ? 0 : 1)),
    };
  }
  function part(rank) {
    const begin = SPLIT.slice(0, rank).reduce((sum, B) => sum + B, 0) * T, B = SPLIT[rank];
    const { logits, ...rows } = whole();
    const own = Object.fromEntries(Object.entries(rows).map(([name, values]) => [name, values.slice(begin, begin + B * T)]));
    return { ...own, B, logits: { ...logits, shape: [B, T, V], data: logits.data.slice(begin * V, (begin + B * T) * V) } };
  }
`;

/** One worker: its shard, and an all-gather through the main thread. */
const worker = (body: string) =>
  workerSource(`${DATA}
    const { parentPort, workerData: { rank, options } } = require('node:worker_threads');
    const allGather = (value) => new Promise((resolve) => {
      parentPort.once('message', resolve);
      parentPort.postMessage({ rank, value });
    });
    const { PolicyLoss: Loss, ...rest } = lpreg;
    class PolicyLoss extends Loss { constructor() { super(options); } }
    const names = { ...rest, PolicyLoss, allGather, rank, T, ...part(rank) };
    const AsyncFunction = (async () => {}).constructor;
    const run = new AsyncFunction(...Object.keys(names), ${JSON.stringify(`${body}\nreturn { loss, gradLogits };`)});
    run(...Object.values(names)).then((result) => parentPort.postMessage({ rank, result }));
  `);

/** Runs the example in every worker; prints how far loss and gradient are from those of the batch in one. */
const compare = (body: string, options: object, isShare: boolean) => `${DATA}
  const { Worker } = require('node:worker_threads');
  const options = ${JSON.stringify(options)};
  const workers = SPLIT.map((_, rank) => new Worker(${worker(body)}, { eval: true, workerData: { rank, options } }));
  const [values, results] = [[], []];
  for (const each of workers) each.on('message', ({ rank, value, result }) => {
    (result ? results : values)[rank] = result ?? value;
    if (value && Object.keys(values).length === SPLIT.length) for (const worker of workers) worker.postMessage(values);
    if (result && Object.keys(results).length === SPLIT.length) finish();
  });
  function finish() {
    const want = new lpreg.PolicyLoss(options).forwardBackwardSync(whole());
    const gradient = results.flatMap(({ gradLogits }) => [...gradLogits.data]);
    const losses = results.map(({ loss }) => loss);
    const found = ${isShare} ? [losses.reduce((sum, loss) => sum + loss)] : losses;
    const largest = want.gradLogits.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    console.log(JSON.stringify({
      loss: Math.max(...found.map((loss) => Math.abs(loss - want.loss) / Math.max(1, Math.abs(want.loss)))),
      gradient: Math.max(...gradient.map((value, i) => Math.abs(value - want.gradLogits.data[i]))) / largest,
      lengths: gradient.length === want.gradLogits.data.length,
      selected: want.metrics.selectedCount,
    }));
  }
`;

function measured(name: string, options: object, isShare: boolean) {
  const ended = runScript(compare(exampleBody('data-parallel.md', name), options, isShare));
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  return JSON.parse(ended.stdout) as { loss: number; gradient: number; lengths: boolean; selected: number };
}

test.each([
  { objective: 'grpo' },
  { objective: 'gspo', clipLow: 0.1, clipHigh: 0.1 },
  { objective: 'lp-reg', form: 'kept', aggregation: 'seq-mean-token-sum-norm' },
])('counts exchanged, %o: the shards add up to the batch', (options) => {
  const { loss, gradient, lengths } = measured('counts', options, true);
  expect(lengths).toBe(true);
  expect(loss).toBeLessThanOrEqual(1e-6);
  expect(gradient).toBeLessThanOrEqual(2e-6);
});

test.each([
  { objective: 'lp-reg', rho: 0.6 },
  { objective: 'lp-reg', form: 'reference', rhoNeg: 0.9 },
  { objective: '80-20', entropyCoef: 0.1 },
  { objective: 'kl-cov', kPercent: 10 },
  { objective: 'clip-cov', clipCovRatio: 0.1, covLow: 0, covHigh: 50 },
])('tokens exchanged, %o: every worker has the loss of the batch', (options) => {
  const { loss, gradient, lengths, selected } = measured('joined', options, false);
  expect(lengths).toBe(true);
  expect(selected).toBeGreaterThan(0);
  expect(loss).toBeLessThanOrEqual(1e-6);
  expect(gradient).toBeLessThanOrEqual(2e-6);
});
