/** The golden vectors through every form of the library, on one instruction set. */
import { describe, expect, test } from 'vitest';
import { setThreads } from '../../lib/index.js';
import { differences } from './bits.js';
import type { HalfType } from './half.js';
import { describeOn, type InstructionSet } from './instruction-sets.js';
import { fieldsOf, flatten, inPlace, oneCall, twoCalls } from './product.js';
import { productCase } from './product-case.js';
import { inParts } from './product-parts.js';
import { evaluateReference } from './reference.js';
import { type GradientType, inPartsViolations, vectorViolations } from './tolerance.js';
import { type ReferenceCase, readVector, vectorNames } from './vectors.js';

const THREADS = [1, 2, 7];
const VECTORS = 44;
/** Vectors that hold a 16-bit copy of their logits. */
const COPIES = 2;
/** A copy is evaluated with its gradient in float32 and in its own type. */
const COMPARISONS = THREADS.length * (VECTORS + 2 * COPIES);
/** The per-token way gives float32 only. */
const COMPARISONS_IN_PARTS = THREADS.length * (VECTORS + COPIES);

/** The logits of a vector and the types in which their gradient is asked for. */
function variantsOf({ meta }: ReferenceCase): ['f32' | HalfType, GradientType][] {
  const { logits_copy: copy } = meta;
  return copy === null
    ? [['f32', 'f32']]
    : [
        ['f32', 'f32'],
        [copy, 'f32'],
        [copy, copy],
      ];
}

/** Fields of a vector that a result has to have, and no others. */
function expectedFields({ expected }: ReferenceCase): string[] {
  return Object.keys(expected)
    .filter((field) => field !== 'cov')
    .sort();
}

export function describeGoldenVectors(set: InstructionSet): void {
  describeOn(set, 'golden vectors', () => {
    let comparisons = 0;
    let comparisonsInParts = 0;

    describe.each(THREADS)('%i threads', (threads) => {
      test.each(vectorNames())('%s: every form gives the expected result', (name) => {
        setThreads(threads);
        const vector = readVector(name);
        for (const [logits, gradient] of variantsOf(vector)) {
          const given = productCase(vector, logits);
          const result = twoCalls(given, { gradient });
          expect(Object.keys(fieldsOf(result)).sort()).toEqual(expectedFields(vector));
          expect(vectorViolations(vector, fieldsOf(result), gradient)).toEqual([]);
          expect(differences(flatten(oneCall(given, { gradient })), flatten(result))).toEqual([]);
          if (gradient === logits) expect(differences(flatten(inPlace(given)), flatten(result))).toEqual([]);
          comparisons++;
        }
      });

      test.each(vectorNames())('%s: per-token operation and scalar stage give the same', (name) => {
        setThreads(threads);
        const vector = readVector(name);
        const reference = evaluateReference(vector);
        for (const logits of new Set(variantsOf(vector).map(([copy]) => copy))) {
          const fields = fieldsOf(inParts(productCase(vector, logits), 'f32'));
          expect(inPartsViolations(vector, reference, fields)).toEqual([]);
          comparisonsInParts++;
        }
      });
    });

    test('the number of comparisons is that of vectors, copies and thread counts', () => {
      expect([comparisons, comparisonsInParts]).toEqual([COMPARISONS, COMPARISONS_IN_PARTS]);
    });
  });
}
