/** Draws rows of logits that reach the corners of SEMANTICS §1, and a sampled token for each. */
import { decodeHalf, encodeHalf, type HalfType } from '../half.js';
import type { Random } from '../random.js';
import type { CaseMeta } from '../reference/case.js';
import { logSoftmax } from '../reference/row.js';

type FillRow = (random: Random, row: Float32Array) => void;

function fillNormal(scale: number): FillRow {
  return (random, row) => {
    for (let v = 0; v < row.length; v++) row[v] = random.normal() * scale;
  };
}

/** One token far above the rest: probabilities near 1, entropies near 0. */
function fillPeaked(random: Random, row: Float32Array): void {
  fillNormal(1)(random, row);
  row[random.integer(0, row.length - 1)] = random.uniform(6, 14);
}

function fillUniform(random: Random, row: Float32Array): void {
  row.fill(random.normal());
}

/** The vocabulary is masked with `-inf` but for a random part, at least one token. */
function fillMaskedVocabulary(random: Random, row: Float32Array): void {
  fillNormal(2)(random, row);
  const open = random.integer(0, row.length - 1);
  for (let v = 0; v < row.length; v++) if (v !== open && random.chance(0.6)) row[v] = -Infinity;
}

function fillShifted(random: Random, row: Float32Array): void {
  const shift = random.pick([-1e4, -100, 100, 1e4]);
  for (let v = 0; v < row.length; v++) row[v] = shift + random.normal() * 3;
}

/** Several tokens share the exact maximum. */
function fillTiedMaximum(random: Random, row: Float32Array): void {
  fillNormal(1.5)(random, row);
  const top = Math.max(...row) + random.uniform(0, 2);
  for (let i = 0; i < 3; i++) row[random.integer(0, row.length - 1)] = top;
}

const KINDS: readonly FillRow[] = [
  fillNormal(0.5),
  fillNormal(2),
  fillNormal(2),
  fillNormal(4),
  fillPeaked,
  fillUniform,
  fillMaskedVocabulary,
  fillShifted,
  fillTiedMaximum,
];

/** Logits `[B*T*V]`; some rows repeat the row before them exactly, so that selections meet ties. */
export function drawLogits(random: Random, { B, T, V, logits_copy }: CaseMeta): Float32Array {
  const logits = new Float32Array(B * T * V);
  const oneKind = random.chance(0.5) ? fillNormal(2) : undefined;
  const repeats = random.chance(0.15) ? 0.7 : 0.03;
  for (let start = 0; start < logits.length; start += V) {
    if (start > 0 && random.chance(repeats)) {
      logits.copyWithin(start, start - V, start);
    } else {
      (oneKind ?? random.pick(KINDS))(random, logits.subarray(start, start + V));
    }
  }
  return logits_copy === null ? logits : roundedTo(logits, logits_copy);
}

function roundedTo(logits: Float32Array, type: HalfType): Float32Array {
  return decodeHalf(encodeHalf(logits, type), type);
}

/** The logits of an older policy: noise on every finite logit, the same masked vocabulary. */
export function drawOldLogits(random: Random, logits: Float32Array): Float32Array {
  return logits.map((value) => value + random.normal() * 0.4);
}

function sampleFrom(random: Random, row: Float32Array): number {
  let rest = random.next();
  const logProbs = logSoftmax(Float64Array.from(row), 1);
  for (let v = 0; v < row.length; v++) {
    rest -= Math.exp(logProbs[v] as number);
    if (rest < 0) return v;
  }
  return row.indexOf(Math.max(...row));
}

/** A token of the row with a finite logit: sampled, the most likely one, or any. */
export function drawAction(random: Random, row: Float32Array): number {
  const how = random.next();
  if (how < 0.6) return sampleFrom(random, row);
  if (how < 0.7) return row.indexOf(Math.max(...row));
  const start = random.integer(0, row.length - 1);
  for (let step = 0; step < row.length; step++) {
    const v = (start + step) % row.length;
    if ((row[v] as number) > -Infinity) return v;
  }
  throw new Error('a drawn row has no finite logit');
}
