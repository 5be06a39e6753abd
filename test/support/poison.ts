/** Ways in which a row of logits can be impossible. */
import { changed, type ProductCase } from './product-case.js';

/** Spoils one row, whose sampled token is `action`. */
export type Poison = (row: Float32Array, action: number) => void;

export const POISONS: [name: string, poison: Poison][] = [
  ['NaN in its first element', (row) => void row.fill(Number.NaN, 0, 1)],
  ['NaN in its last element', (row) => void row.fill(Number.NaN, row.length - 1)],
  ['NaN everywhere', (row) => void row.fill(Number.NaN)],
  ['+Infinity at the sampled token', (row, action) => void row.fill(Infinity, action, action + 1)],
  ['+Infinity in its last element', (row) => void row.fill(Infinity, row.length - 1)],
  ['only -Infinity', (row) => void row.fill(-Infinity)],
  ['-Infinity at the sampled token', (row, action) => void row.fill(-Infinity, action, action + 1)],
];

/** The same call over a copy of the logits in which the given rows are spoiled. */
export function poisoned(given: ProductCase, poison: Poison, tokens: readonly number[]): ProductCase {
  const { logits, actions } = given.batch;
  const V = logits.shape.at(-1) as number;
  const data = (logits.data as Float32Array).slice();
  for (const token of tokens) poison(data.subarray(token * V, token * V + V), Number(actions[token]));
  return changed(given, { logits: { ...logits, data } });
}
