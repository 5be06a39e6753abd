// Writes examples/study/results/drift.json: the drift of log-probabilities in one step at the initial policy, measured by
// the library's gradients and in closed form, and the thresholds of beta that follow from it.
// Usage: node examples/study/drift-table.mjs [--batches N]
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setThreads } from 'lp-reg';
import { commitOf, thisCommand, writeResults } from '../../bench/results-file.mjs';
import { ARMS, ENVIRONMENTS } from './arms.mjs';
import { driftOf, expectedDrift } from './drift.mjs';

const { values } = parseArgs({ options: { batches: { type: 'string', default: '60' } } });
setThreads(1);
/** That of the first study: a tail over fewer tokens has less entropy, and some of them pass the filter. */
const VOCABULARY = 1000;
const TAILS = [0.03, 0.1, 0.2, 0.3];

/** beta at which the pull of `kept` on the sparks equals what GRPO takes from them, at the initial policy of a run. */
function threshold(options) {
  const [grpo, kept] = ['grpo', 'kept b1'].map((arm) => expectedDrift(options, ARMS[arm]).spark);
  return grpo / (grpo - kept);
}

const seeds = Array.from({ length: 10 }, (_, i) => 300 + i);
const batches = Number(values.batches);
writeResults(fileURLToPath(new URL('results/drift.json', import.meta.url)), {
  kind: 'study-drift',
  command: thisCommand(),
  commit: commitOf(undefined, ['examples/study']),
  batches,
  seed: 0,
  vocabulary: VOCABULARY,
  tables: TAILS.map((tail) => ({
    tail,
    ...driftOf({ ...ENVIRONMENTS.A, vocabulary: VOCABULARY, tail, seed: 0 }, batches),
  })),
  thresholds: TAILS.map((tail) => ({
    env: 'B',
    tail,
    betas: seeds.map((seed) => threshold({ ...ENVIRONMENTS.B, tail, seed })),
  })),
});
