/** Small batches of a given shape and loss, for laws that need a particular vocabulary or layout. */
import { Random } from './random.js';
import type { CaseMeta, ReferenceInput } from './reference/case.js';
import { readRow } from './reference/row.js';
import { evaluateReference, type ReferenceResult } from './reference.js';

export interface BuiltBatch {
  input: ReferenceInput;
  reference: ReferenceResult;
}

/** What a built batch may ask for; `logits` fills one row. */
export interface BuiltBatchOptions extends Partial<Omit<CaseMeta, 'name'>> {
  seed?: number;
  /** @default normally distributed logits of standard deviation 2 */
  fillRow?: (random: Random, row: Float32Array) => void;
  /** The sampled token of a row. @default any */
  action?: (token: number, row: Float32Array) => number;
  /** @default every token valid */
  mask?: Uint8Array;
  /** @default every seventh is 0, the others normally distributed */
  advantage?: (token: number) => number;
}

/** Decisions of a built batch keep this distance from their boundaries, in log units. */
const MARGIN = 1e-4;

/** A batch `[2, 3, 40]` of GRPO unless told otherwise, with its reference. */
export function buildBatch(options: BuiltBatchOptions = {}): BuiltBatch {
  for (let attempt = 0; attempt < 100; attempt++) {
    const input = buildInput(options, new Random(options.seed ?? 0, attempt));
    const reference = evaluateReference(input);
    if (reference.margins.smallest() > MARGIN) return { input, reference };
  }
  throw new Error('no built batch has clear decisions');
}

function metaOf(options: BuiltBatchOptions): CaseMeta {
  const { seed: _, fillRow: __, action: ___, mask: ____, advantage: _____, ...meta } = options;
  return {
    name: 'built',
    loss: 'grpo',
    B: 2,
    T: 3,
    V: 40,
    temperature: 1,
    agg: meta.loss === 'gspo' ? 'seq-mean-token-mean' : 'token-mean',
    agg_eps: 1e-8,
    kl_bound: 10,
    hyper: {},
    extras: {},
    filter: null,
    logits_copy: null,
    ...meta,
  };
}

/** Fills a row of which only some tokens keep a probability, for `fillRow`. */
export function onlyOpen(isOpen: (v: number, V: number) => boolean) {
  return (random: Random, row: Float32Array) => {
    for (let v = 0; v < row.length; v++) row[v] = isOpen(v, row.length) ? random.normal() * 2 : -Infinity;
  };
}

function fillNormal(random: Random, row: Float32Array): void {
  for (let v = 0; v < row.length; v++) row[v] = random.normal() * 2;
}

function buildInput(options: BuiltBatchOptions, random: Random): ReferenceInput {
  const meta = metaOf(options);
  const { B, T, V, temperature, softcap } = meta;
  const { fillRow = fillNormal, mask = new Uint8Array(B * T).fill(1) } = options;
  const { action = () => random.integer(0, V - 1), advantage } = options;
  const logits = new Float32Array(B * T * V);
  const actions = new Int32Array(B * T);
  const oldLogp = new Float32Array(B * T);
  for (let token = 0; token < actions.length; token++) {
    const row = logits.subarray(token * V, token * V + V);
    fillRow(random, row);
    const sampled = action(token, row);
    actions[token] = sampled;
    const logp = readRow(row, temperature, softcap).logProbs[sampled] as number;
    oldLogp[token] = Math.min(0, logp + random.normal() * 0.3);
  }
  const any = (token: number) => (token % 7 === 6 ? 0 : random.normal());
  return {
    meta,
    logits,
    actions,
    oldLogp,
    advantages: Float32Array.from(actions, (_, token) => (advantage ?? any)(token)),
    mask,
    ...(meta.loss === 'clip-cov' && { chosen: new Uint8Array(actions.length) }),
  };
}

/** Lp-Reg in the paper's form with a given threshold, over the min-p proxy of the same logits: all three coefficients act. */
export const EVERY_TERM = {
  loss: 'lp-reg-paper',
  hyper: { prob_threshold: 0.3 },
  extras: { entropy_coef: 0.01 },
  filter: { mode: 'min-p', value: 0.05, on: 'scaled', empty: 'argmax', source: 'current' },
} as const satisfies BuiltBatchOptions;
