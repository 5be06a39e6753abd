// npm run bench:overhead: what does a call cost when there is next to nothing to compute? Targets: below 15 us for a
// synchronous call, below 30 us for an asynchronous one.
//   --json FILE    write the results
//   --quick        few iterations
import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { textTable } from '../dist/bench/case-table.js';
import { drawBatch } from '../dist/bench/draw-batch.js';
import { quantile } from '../dist/bench/statistics.js';
import { PolicyLoss, tokenStats, tokenStatsSync } from '../dist/index.js';
import { addon } from '../dist/native/binding.js';
import { environmentNow, thisCommand, writeResults } from './results-file.mjs';

const SHAPE = [1, 2, 8];
const TARGET = { sync: 15, async: 30 };

const { values } = parseArgs({
  options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
});

const { distinctLogits, ...inputs } = drawBatch({
  shape: SHAPE,
  dtype: 'float32',
  distribution: 'flat',
  seed: 1,
});
const logits = { data: new Float32Array(distinctLogits), dtype: 'float32', shape: SHAPE };
const batch = { logits, ...inputs };
const into = { ...logits, data: new Float32Array(distinctLogits.length) };
const grpo = new PolicyLoss({ objective: 'grpo' });
const lpReg = new PolicyLoss({ objective: 'lp-reg' });
const { actions, ...perToken } = inputs;
const { tokens } = tokenStatsSync({ logits, actions });
const scalars = { ...perToken, shape: SHAPE.slice(0, 2), tokens };

/** Calls that finish before they return. */
const SYNC = {
  'grpo forwardSync': () => grpo.forwardSync(batch).dispose(),
  'grpo forwardBackwardSync in place': () => grpo.forwardBackwardSync(batch, { into: logits }),
  'grpo forwardBackwardSync in place, no outputs': () =>
    grpo.forwardBackwardSync(batch, { into: logits, outputs: [] }),
  'lp-reg forwardBackwardSync in place': () => lpReg.forwardBackwardSync(batch, { into: logits }),
  'lp-reg forwardBackwardSync out of place': () => lpReg.forwardBackwardSync(batch, { into }),
  tokenStatsSync: () => tokenStatsSync({ logits, actions }).dispose(),
  'grpo objectiveSync': () => grpo.objectiveSync(scalars),
};

/** Calls that go through the executor thread and back. */
const ASYNC = {
  'grpo forward': async () => (await grpo.forward(batch)).dispose(),
  'grpo forwardBackward in place': () => grpo.forwardBackward(batch, { into: logits }),
  'lp-reg forwardBackward in place': () => lpReg.forwardBackward(batch, { into: logits }),
  tokenStats: async () => (await tokenStats({ logits, actions })).dispose(),
};

const restore = () => logits.data.set(distinctLogits);

/** Median and quartiles in microseconds. */
async function microseconds(name, call, isAsync) {
  const bench = new Bench({
    time: values.quick ? 5 : 1000,
    warmupTime: values.quick ? 5 : 500,
    retainSamples: true,
    throws: true,
  });
  bench.add(name, call, { beforeEach: restore, async: isAsync });
  const [{ result }] = await bench.run();
  const { samples } = result.latency;
  const [low, median, high] = [0.25, 0.5, 0.75].map((fraction) => 1000 * quantile(samples, fraction));
  return { low, median, high, samples: samples.length };
}

/** The arguments with which a call enters the addon. */
function nativeCall(call) {
  const binding = addon();
  const { run } = binding;
  let argument;
  binding.run = (...args) => {
    argument = args;
    return run(...args);
  };
  try {
    restore();
    call();
  } finally {
    binding.run = run;
  }
  return () => run(...argument);
}

async function main() {
  const environment = environmentNow();
  const results = [];
  for (const [name, call] of Object.entries(SYNC)) {
    const total = await microseconds(name, call, false);
    const native = await microseconds(name, nativeCall(call), false);
    results.push({ name, kind: 'sync', target: TARGET.sync, total, native });
  }
  for (const [name, call] of Object.entries(ASYNC)) {
    const total = await microseconds(name, call, true);
    results.push({ name, kind: 'async', target: TARGET.async, total });
  }
  const cell = (time) => (time === undefined ? '' : time.toFixed(1));
  const rows = results.map(({ name, target, total, native }) => [
    name,
    cell(total.median),
    `${cell(total.low)}-${cell(total.high)}`,
    cell(native?.median),
    cell(native && total.median - native.median),
    total.median < target ? `below ${target}` : `above ${target}`,
  ]);
  console.log(`Batch [${SHAPE.join(', ')}], microseconds per call.\n`);
  console.log(textTable(['call', 'median', 'quartiles', 'addon and engine', 'JavaScript', 'target'], rows));
  writeResults(values.json, { kind: 'overhead', command: thisCommand(), environment, shape: SHAPE, results });
}

await main();
