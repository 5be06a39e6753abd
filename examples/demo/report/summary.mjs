// The figures of the report: where each arm ended, and how it differs from GRPO on the same seeds.
import { meanOf, overSeeds } from './arm-series.mjs';

/** Of the steps, at the end. */
const SHARE = 0.2;

const lateMean = (field) => (run) =>
  meanOf(run.steps.slice(-Math.max(1, Math.round(SHARE * run.steps.length))).map((step) => step[field]));
const allMean = (field) => (run) => meanOf(run.steps.map((step) => step[field]));
const lastOf = (field) => (run) => run.evaluations.at(-1)[field];
const timing = (field) => (run) => run.timing[field];

/** What a run came to. */
const OUTCOMES = {
  reward: lateMean('reward'),
  entropy: lateMean('entropy'),
  pass1: lastOf('pass1'),
  passK: lastOf('passK'),
  distinct: lastOf('distinct'),
};
const DIAGNOSTICS = {
  negativeCount: allMean('negativeCount'),
  lowestCount: allMean('lowestCount'),
  protectedCount: allMean('protectedCount'),
  protectedProbability: allMean('protectedProbability'),
  pullRatio: allMean('pullRatio'),
  keptMassNegative: allMean('keptMassNegative'),
};
const TIMES = {
  stepTime: timing('stepTime'),
  drawTime: timing('drawTime'),
  lossTime: timing('lossTime'),
  lossShare: timing('lossShare'),
};

const each = (measures, summarise) =>
  Object.fromEntries(Object.entries(measures).map(([name, measure]) => [name, summarise(measure)]));

/** Outcomes minus those of the run of GRPO with the same seed. */
function pairedDifferences(runs, baseline) {
  const pairs = runs.flatMap((run) => {
    const partner = baseline.find(({ seed }) => seed === run.seed);
    return partner === undefined ? [] : [[run, partner]];
  });
  if (pairs.length === 0) return null;
  return each(OUTCOMES, (measure) =>
    overSeeds(pairs.map(([run, partner]) => measure(run) - measure(partner))),
  );
}

/**
 * @param arms - `name` and `runs` of each.
 * @returns For each arm means over seeds with half of their 95 % interval (null for one seed): the `start`, `outcomes`
 *   (reward and entropy over the last fifth of the steps, the rest at the end), `minusGrpo` on the same seeds, Lp-Reg's
 *   `diagnostics` per step and `times` in milliseconds.
 */
export function summarise(arms) {
  const baseline = arms.find(({ name }) => name === 'grpo')?.runs;
  return arms.map(({ name, runs }) => ({
    arm: name,
    seeds: runs.map(({ seed }) => seed),
    steps: runs[0].steps.length,
    lossOptions: runs[0].lossOptions,
    start: each({ pass1: 'pass1', passK: 'passK', distinct: 'distinct' }, (field) =>
      overSeeds(runs.map((run) => run.evaluations[0][field])),
    ),
    outcomes: each(OUTCOMES, (measure) => overSeeds(runs.map(measure))),
    minusGrpo: baseline === undefined || name === 'grpo' ? null : pairedDifferences(runs, baseline),
    diagnostics: each(DIAGNOSTICS, (measure) => overSeeds(runs.map(measure))),
    times: each(TIMES, (measure) => overSeeds(runs.map(measure))),
  }));
}
