/** Reads the golden vectors (`test/vectors/*.safetensors`, SEMANTICS §9), independently of the library's own reader. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CaseMeta, ReferenceInput } from './reference/case.js';

const VECTORS = join(__dirname, '..', 'vectors');

/** Measured errors of float32 eager PyTorch on the same case, absolute. */
export type TorchErrors = Readonly<Record<string, number>>;

export interface VectorMeta extends CaseMeta {
  expected: Readonly<Record<string, number>>;
  f32_torch_error: TorchErrors;
  notes: string;
}

export type ExpectedArray = Float64Array | Float32Array | Uint8Array | Int32Array;

/** One golden vector: the inputs, and the expected arrays by their names without `exp.`. */
export interface ReferenceCase extends ReferenceInput {
  meta: VectorMeta;
  logits: Float32Array;
  expected: Record<string, ExpectedArray>;
}

type Tensor = ExpectedArray | Uint16Array;

const ARRAY_OF_DTYPE: Record<string, (bytes: ArrayBuffer) => Tensor> = {
  F64: (bytes) => new Float64Array(bytes),
  F32: (bytes) => new Float32Array(bytes),
  I32: (bytes) => new Int32Array(bytes),
  U8: (bytes) => new Uint8Array(bytes),
  F16: (bytes) => new Uint16Array(bytes),
  BF16: (bytes) => new Uint16Array(bytes),
};

interface TensorEntry {
  dtype: string;
  data_offsets: [start: number, end: number];
}

function readSafetensors(path: string): { meta: VectorMeta; tensors: Record<string, Tensor> } {
  const file = readFileSync(path);
  const headerEnd = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__, ...entries } = JSON.parse(file.toString('utf8', 8, headerEnd));
  const tensors: Record<string, Tensor> = {};
  for (const [name, entry] of Object.entries(entries as Record<string, TensorEntry>)) {
    const [start, end] = entry.data_offsets;
    const toArray = ARRAY_OF_DTYPE[entry.dtype];
    if (toArray === undefined) throw new Error(`${path}: tensor ${name} has dtype ${entry.dtype}`);
    const bytes = new Uint8Array(file.subarray(headerEnd + start, headerEnd + end));
    tensors[name] = toArray(bytes.buffer);
  }
  return { meta: JSON.parse(__metadata__.case), tensors };
}

const OPTIONAL_INPUTS = {
  old_logits: 'oldLogits',
  ref_logp: 'refLogp',
  rollout_weights: 'rolloutWeights',
  stored_proxy_logp: 'storedProxyLogp',
  chosen: 'chosen',
  logits_bf16: 'logits16',
  logits_f16: 'logits16',
} as const;

/** Names of all golden vectors, sorted. */
export function vectorNames(): string[] {
  return readdirSync(VECTORS)
    .filter((file) => file.endsWith('.safetensors'))
    .map((file) => file.replace('.safetensors', ''))
    .sort();
}

/** Path of the file of one golden vector. */
export function vectorPath(name: string): string {
  return join(VECTORS, `${name}.safetensors`);
}

export function readVector(name: string): ReferenceCase {
  const { meta, tensors } = readSafetensors(vectorPath(name));
  const optional: Record<string, Tensor> = {};
  for (const [key, field] of Object.entries(OPTIONAL_INPUTS)) {
    if (tensors[key] !== undefined) optional[field] = tensors[key];
  }
  const expected: Record<string, ExpectedArray> = {};
  for (const [key, tensor] of Object.entries(tensors)) {
    if (key.startsWith('exp.')) expected[key.slice('exp.'.length)] = tensor as ExpectedArray;
  }
  return {
    meta,
    logits: tensors.logits as Float32Array,
    actions: tensors.actions as Int32Array,
    oldLogp: tensors.old_logp as Float32Array,
    advantages: tensors.advantages as Float32Array,
    mask: tensors.mask as Uint8Array,
    ...optional,
    expected,
  };
}
