/** One case measured: a loss in a form on a batch, side by side with the yardsticks. */
import { PolicyLoss } from '../loss/policy-loss.js';
import type { BatchRecipe } from './draw-batch.js';
import { LOSSES, type LossLabel } from './losses.js';
import { type Contender, type RaceLength, race, type Sampler } from './race.js';
import { type Ratio, ratioOf, type Timing, timingOf } from './statistics.js';
import { type Form, gigabytesPerSecond, minimalBytes, yardstickBytes } from './traffic.js';
import type { Workbench } from './workbench.js';

/** What is measured. */
export interface Case extends BatchRecipe {
  readonly loss: LossLabel;
  readonly form: Form;
}

/** A contender's time, and the rate at which it moved the bytes that it had to. */
export interface Measurement {
  /** Milliseconds. */
  readonly time: Timing;
  /** 1e9 minimal bytes per second, at the median. */
  readonly gigabytesPerSecond: number;
}

/** What was measured of a case. */
export interface CaseResult extends Case, Measurement {
  readonly name: string;
  readonly minimalBytes: number;
  readonly nanosecondsPerElement: number;
  readonly copy: Measurement;
  readonly negation: Measurement;
  readonly ratioToCopy: Ratio;
  readonly ratioToNegation: Ratio;
  readonly selection: Selection;
}

/** What the loss did with the batch: a time without it says little. */
export interface Selection {
  readonly rows: number;
  readonly negativeCount: number;
  readonly lowestCount: number;
  readonly selectedCount: number;
  readonly clipFraction: number;
  /** Mean number of tokens that the filter keeps; null without a filter. */
  readonly meanKeepCount: number | null;
  /** Mean, in nats. */
  readonly entropy: number;
}

/** The name by which filters and results know a case. */
export function caseName({ shape, dtype, distribution, loss, form }: Case): string {
  return [shape.join('x'), dtype, distribution, loss, form].join('/');
}

/**
 * Measures a case.
 * @param workbench - Of the case's batch.
 * @param threads - Of the yardsticks: as many as the loss uses.
 */
export function measureCase(
  workbench: Workbench,
  item: Case,
  threads: number,
  length: RaceLength,
  sample: Sampler,
): CaseResult {
  const selection = selectionOf(workbench, item.loss);
  const contenders: Contender[] = [
    workbench.contender(item.loss, item.form),
    ...workbench.yardsticks(threads),
  ];
  const [ours = [], copy = [], negation = []] = race(contenders, length, sample);
  const { extent } = workbench;
  const bytes = minimalBytes(item.form, extent, 'oldLogits' in LOSSES[item.loss]);
  const own = measurement(ours, bytes);
  return {
    name: caseName(item),
    ...item,
    ...own,
    minimalBytes: bytes,
    nanosecondsPerElement: (own.time.median * 1e6) / (extent.rows * extent.vocab),
    copy: measurement(copy, yardstickBytes(extent)),
    negation: measurement(negation, yardstickBytes(extent)),
    ratioToCopy: ratioOf(ours, copy),
    ratioToNegation: ratioOf(ours, negation),
    selection,
  };
}

function measurement(samples: readonly number[], bytes: number): Measurement {
  const time = timingOf(samples);
  return { time, gigabytesPerSecond: gigabytesPerSecond(bytes, time.median) };
}

function selectionOf(workbench: Workbench, loss: LossLabel): Selection {
  workbench.restore();
  const result = new PolicyLoss(LOSSES[loss].options).forwardSync(workbench.batchFor(loss));
  const { metrics, tokens } = result;
  result.dispose();
  const { rows } = workbench.extent;
  return {
    rows,
    negativeCount: metrics.negativeCount,
    lowestCount: metrics.lowestCount,
    selectedCount: metrics.selectedCount,
    clipFraction: metrics.clipFraction,
    meanKeepCount: tokens.keepCount === undefined ? null : tokens.keepCount.reduce((a, b) => a + b, 0) / rows,
    entropy: metrics.entropy,
  };
}
