/** Batches drawn anew in every run, against the float64 reference: every loss, option, form and dtype. */
import { expect, test } from 'vitest';
import { setThreads } from '../../lib/index.js';
import { Coverage, type DrawnBatch, drawBatch } from './draw.js';
import type { HalfType } from './half.js';
import { describeOn, type InstructionSet } from './instruction-sets.js';
import { type Evaluation, fieldsOf, inPlace, oneCall, twoCalls } from './product.js';
import { productCase } from './product-case.js';
import { inParts } from './product-parts.js';
import type { ReferenceInput } from './reference/case.js';
import { drawnViolations, type GradientType, metricViolations } from './tolerance.js';

const BATCHES = process.env.LPREG_TEST_FULL ? 30_000 : 2_000;
/** Drawn on until everything has been reached, this many at most. */
const MOST_BATCHES = 3 * BATCHES;
const SEED = Number(process.env.LPREG_TEST_SEED ?? Math.floor(Math.random() * 2 ** 30));
const FAILURES_SHOWN = 5;

const FORMS = { twoCalls, oneCall, inPlace, inParts } as const;
const GRADIENTS: readonly GradientType[] = ['f32', 'bf16', 'f16'];
export const FORM_NAMES = Object.keys(FORMS) as (keyof typeof FORMS)[];

/** How a batch is evaluated. Consecutive batches of one loss go through all forms, thread counts and dtypes. */
export interface Manner {
  form: keyof typeof FORMS;
  threads: number;
  logits: 'f32' | HalfType;
  gradient: GradientType;
}

function mannerOf({ input }: DrawnBatch, turn: number): Manner {
  const form = FORM_NAMES[turn % FORM_NAMES.length] as keyof typeof FORMS;
  const logits = input.meta.logits_copy ?? 'f32';
  const gradient = form === 'inPlace' ? logits : (GRADIENTS[turn % GRADIENTS.length] as GradientType);
  return { form, logits, gradient, threads: 1 + (turn % 5) };
}

export function evaluateAs({ form, threads, logits, gradient }: Manner, input: ReferenceInput): Evaluation {
  setThreads(threads);
  const given = productCase(input, logits);
  if (form === 'inParts') return inParts(given, gradient);
  return FORMS[form](given, { gradient });
}

/** What is wrong with a result: values out of tolerance, fields that do not apply or are missing, metrics. */
export function violationsOf(
  { input, reference }: Pick<DrawnBatch, 'input' | 'reference'>,
  result: Evaluation,
  gradient: GradientType,
): unknown[] {
  const expected = new Set(Object.keys(reference.tokens).filter((field) => field !== 'cov'));
  if (input.meta.hyper.dual === undefined) expected.delete('dual_clipped');
  const fields = fieldsOf(result);
  const superfluous = Object.keys(fields).filter(
    (field) => field !== 'loss' && field !== 'grad' && !expected.has(field),
  );
  return [
    ...superfluous.map((field) => `field ${field} does not apply`),
    ...drawnViolations(input, reference, fields, gradient),
    ...metricViolations(input, reference, result.metrics),
  ];
}

/** The seed of a failing batch is in its name: with LPREG_TEST_SEED it comes first again. */
export function describeRandomBatches(set: InstructionSet): void {
  describeOn(set, 'drawn batches', () => {
    test(`${BATCHES} batches drawn anew agree with the float64 reference`, () => {
      console.log(`LPREG_TEST_SEED=${SEED}`);
      const coverage = new Coverage();
      const manners = new Map<string, number>();
      const failures: unknown[] = [];
      for (let drawn = 0; drawn < MOST_BATCHES && failures.length < FAILURES_SHOWN; drawn++) {
        if (drawn >= BATCHES && coverage.missing(1).length === 0) break;
        const batch = drawBatch(SEED + drawn);
        const manner = mannerOf(batch, Math.floor(drawn / 10));
        const violations = violationsOf(batch, evaluateAs(manner, batch.input), manner.gradient);
        if (violations.length > 0) failures.push({ batch: batch.input.meta.name, ...manner, violations });
        coverage.add(batch.reached);
        const key = `${batch.input.meta.loss} ${manner.form}`;
        manners.set(key, (manners.get(key) ?? 0) + 1);
      }
      expect(failures).toEqual([]);
      expect(coverage.missing(1)).toEqual([]);
      expect(manners.size).toBe(10 * FORM_NAMES.length);
    });
  });
}
