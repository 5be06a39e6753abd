// The targets of the CPU engine, each against the figure that the results hold for it. The page (report.mjs) and the
// documents (summary.mjs) show the same rows.

import { median } from '../dist/bench/statistics.js';

const TARGET_SHAPE = '16x16x151936';
const ONE_PASS = ['grpo', 'lp-reg-kept', 'lp-reg-old-selection'];
const SLOPE_TOLERANCE = 0.15;
const R2_BOUND = 0.99;
/** Of an in-place step: nothing that grows with the vocabulary. */
const MEMORY_BOUND = { fixed: 5e5, perRow: 256 };

const atTargetShape = ({ shape }) => shape.join('x') === TARGET_SHAPE;

/** A row whose smaller values are better. */
function atMost(value, bound, texts) {
  return { ...texts, verdict: value <= bound ? 'met' : `missed by ${percent(value / bound - 1)}` };
}

/** A row whose larger values are better. */
function atLeast(value, bound, texts) {
  return { ...texts, verdict: value >= bound ? 'met' : `missed by ${percent(1 - value / bound)}` };
}

const percent = (share) => `${Math.max(1, Math.round(100 * share))} %`;
const largest = (list) => list.sort((a, b) => b.value - a.value)[0];

function againstCopy(cases, bound, what) {
  const worst = largest(cases.map(({ name, ratioToCopy }) => ({ name, value: ratioToCopy.value })));
  if (worst === undefined) return [];
  const measured = `${worst.value.toFixed(2)} (${worst.name})`;
  return [atMost(worst.value, bound, { what, target: `at most ${bound} times the copy`, measured })];
}

/** Cases of two dtypes are minutes apart: each time is its ratio to the copies beside it, times the usual copy of its dtype. */
function halfAgainstFloat(cases) {
  const usualCopy = (dtype) =>
    median(cases.filter((item) => item.dtype === dtype).map(({ copy }) => copy.time.median));
  const timeOf = ({ dtype, ratioToCopy }) => ratioToCopy.value * usualCopy(dtype);
  const ratios = cases
    .filter(({ dtype }) => dtype !== 'float32')
    .flatMap((half) => {
      const same = cases.find(({ name }) => name === half.name.replace(half.dtype, 'float32'));
      return same === undefined ? [] : [{ name: half.name, value: timeOf(half) / timeOf(same) }];
    });
  const worst = largest(ratios);
  if (worst === undefined) return [];
  const measured = `${worst.value.toFixed(2)} (${worst.name})`;
  return [atMost(worst.value, 1, { what: '16-bit logits', target: 'at most the time in float32', measured })];
}

/** The bounds were set for PyTorch 2.13. */
const PEER_TARGETS = [
  { contender: 'torch eager', work: 'lp-reg-old-selection', bound: 25 },
  { contender: 'torch.compile', work: 'lp-reg-reference', bound: 8 },
  { contender: 'torch eager', work: 'cross-entropy', bound: 4.5 },
];

function againstPeer({ results, absent, rejected }, { contender, work, bound }) {
  const matches = (entry) => entry.contender === contender && entry.work === work;
  const found = results.find(matches);
  const version = found?.version === undefined ? '' : ` (${found.version})`;
  const texts = { what: `${contender}${version}, ${work}`, target: `at least ${bound} times ours` };
  if (found === undefined) {
    const reason = absent[contender] ?? rejected.find(matches)?.problem ?? 'no such run';
    return { ...texts, measured: reason, verdict: 'not measured' };
  }
  return atLeast(found.timesOurs.value, bound, { ...texts, measured: found.timesOurs.value.toFixed(1) });
}

function linearGrowth({ name, fit, slopes, fixed }) {
  const exceptions = slopes.filter(({ slope }) => slope !== null && Math.abs(slope - 1) > SLOPE_TOLERANCE);
  const decades = exceptions.map(({ from, to, slope }) => `${from} to ${to}: ${slope.toFixed(2)}`).join(', ');
  const isStraight = fit.r2 >= R2_BOUND && exceptions.length === 0;
  return {
    what: `time by ${name} (${fixed})`,
    target: `R² of ${R2_BOUND}, slopes within ${100 * SLOPE_TOLERANCE} % of 1`,
    measured: `R² ${fit.r2.toFixed(4)}${decades === '' ? '' : `; ${decades}`}`,
    verdict: isStraight ? 'met' : fit.r2 < R2_BOUND ? 'missed' : 'met with exceptions, explained in the page',
  };
}

function memoryOfStep(results) {
  const { fixed, perRow } = MEMORY_BOUND;
  const relative = results.map(({ shape: [, rows, vocab], loss, peakBytes }) => ({
    name: `${loss}, ${rows} x ${vocab}`,
    value: peakBytes / (fixed + perRow * rows),
    perRow: peakBytes / rows,
  }));
  const worst = largest(relative);
  if (worst === undefined) return [];
  return [
    atMost(worst.value, 1, {
      what: 'memory of an in-place step beyond the logits',
      target: `at most ${fixed / 1e6} MB and ${perRow} bytes per row`,
      measured: `${worst.value.toFixed(2)} of that (${worst.name}: ${worst.perRow.toFixed(0)} bytes per row)`,
    }),
  ];
}

function callOverhead(results, isAsync) {
  const calls = results.filter(({ target }) => target > 20 === isAsync);
  const worst = largest(calls.map(({ name, target, total }) => ({ name, target, value: total.median })));
  if (worst === undefined) return [];
  return [
    atMost(worst.value, worst.target, {
      what: `cost of ${isAsync ? 'an asynchronous' : 'a synchronous'} call`,
      target: `at most ${worst.target} µs`,
      measured: `${worst.value.toFixed(1)} µs (${worst.name})`,
    }),
  ];
}

/**
 * @param files - Results by kind; those that are missing leave their rows out.
 * @returns Rows { what, target, measured, verdict }. The slowest of the cases that a target covers counts.
 */
export function targetRows({ cases, peers, scaling, memory, overhead }) {
  const inPlace = (cases?.results ?? []).filter((item) => atTargetShape(item) && item.form === 'in-place');
  const float32 = inPlace.filter(({ dtype }) => dtype === 'float32');
  const onePass = float32.filter(({ loss }) => ONE_PASS.includes(loss));
  const split = float32.filter(({ loss }) => loss === 'lp-reg');
  return [
    ...againstCopy(onePass, 1, 'one pass, float32, in place'),
    ...againstCopy(split, 1.4, 'Lp-Reg with default selection'),
    ...halfAgainstFloat(inPlace),
    ...(peers?.batches ?? [])
      .filter(atTargetShape)
      .flatMap((batch) => PEER_TARGETS.map((target) => againstPeer(batch, target))),
    ...(scaling?.results ?? []).map(linearGrowth),
    ...memoryOfStep(memory?.results ?? []),
    ...callOverhead(overhead?.results ?? [], false),
    ...callOverhead(overhead?.results ?? [], true),
  ];
}
