// npm run bench:scaling: does time grow linearly with the rows and with the vocabulary? Targets: R² of 0.99 or more, and a
// slope within 15 % of 1 in each decade, apart from exceptions that are named.
//   --json FILE    write the results
//   --quick        few sizes and rounds
import { parseArgs } from 'node:util';
import { milliseconds, textTable } from '../dist/bench/case-table.js';
import { race } from '../dist/bench/race.js';
import { timingOf } from '../dist/bench/statistics.js';
import { Workbench } from '../dist/bench/workbench.js';
import { getThreads } from '../dist/index.js';
import { decadeSlopes, fitLine } from './fit.mjs';
import { environmentNow, thisCommand, writeResults } from './results-file.mjs';
import { tinybenchSampler } from './tinybench-sampler.mjs';

const { values } = parseArgs({
  options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
});

const LOSS = 'lp-reg';
const FORM = 'in-place';
const SLOPE_TOLERANCE = 0.15;

const powersOfTwo = (from, to) => {
  const sizes = [];
  for (let size = from; size <= to; size *= 2) sizes.push(size);
  return sizes;
};

const QUESTIONS = [
  {
    name: 'rows',
    sizes: powersOfTwo(1, values.quick ? 64 : 8192),
    shapeOf: (rows) => [1, rows, 32768],
    fixed: 'vocabulary 32768',
    why: 'With few rows the second thread wakes up while the first computes, so that the time grows less than the rows until both work from the start; beyond the caches a row costs the time of its memory traffic too.',
  },
  {
    name: 'vocabulary',
    sizes: powersOfTwo(2, values.quick ? 1024 : 262144),
    shapeOf: (vocab) => [16, 16, vocab],
    fixed: '256 rows',
    why:
      'Up to some hundred tokens the fixed work of a row (objective, outputs, a few exponentials in float64) is most of ' +
      'its time; rows of up to 128 tokens are summed in float64, longer ones in float32, which takes less time per token.',
  },
];

const length = values.quick
  ? { minRounds: 3, maxRounds: 3, budget: 10 }
  : { minRounds: 7, maxRounds: 201, budget: 600 };

function measure(shape) {
  const workbench = new Workbench({ shape, dtype: 'float32', distribution: 'peaked', seed: 1 });
  const contenders = [workbench.contender(LOSS, FORM), workbench.yardsticks(getThreads())[0]];
  const [ours, copy] = race(contenders, length, tinybenchSampler);
  return { time: timingOf(ours), copy: timingOf(copy) };
}

function answer({ name, sizes, shapeOf, fixed, why }) {
  const points = sizes.map((size) => ({ size, shape: shapeOf(size), ...measure(shapeOf(size)) }));
  const line = points.map(({ size, time }) => [size, time.median]);
  const fit = fitLine(line);
  const slopes = decadeSlopes(line, fit.overhead);
  return {
    name,
    fixed,
    why,
    loss: LOSS,
    form: FORM,
    dtype: 'float32',
    distribution: 'peaked',
    points,
    fit,
    slopes,
  };
}

function print({ name, fixed, points, fit, slopes }) {
  console.log(`${LOSS} ${FORM}, float32, peaked, ${fixed}: time by ${name}\n`);
  const rows = points.map(({ size, time, copy }) => [
    String(size),
    milliseconds(time.median),
    milliseconds(fit.overhead + fit.perUnit * size),
    milliseconds(copy.median),
  ]);
  console.log(textTable([name, 'ms', 'fitted', 'copy ms'], rows));
  const { overhead, perUnit, r2 } = fit;
  console.log(
    `${milliseconds(1000 * overhead)} us + ${milliseconds(1e6 * perUnit)} ns per unit, R² ${r2.toFixed(4)}`,
  );
  for (const { from, to, slope } of slopes) {
    const verdict =
      slope === null
        ? 'overhead is most of the time'
        : `slope ${slope.toFixed(2)}${Math.abs(slope - 1) > SLOPE_TOLERANCE ? '  exception' : ''}`;
    console.log(`  ${from} to ${to}: ${verdict}`);
  }
  console.log('');
}

const environment = environmentNow();
const results = QUESTIONS.map(answer);
results.forEach(print);
writeResults(values.json, { kind: 'scaling', command: thisCommand(), environment, results });
