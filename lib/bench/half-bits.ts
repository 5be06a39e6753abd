/** Bits of 16-bit floats, rounded to nearest, for benchmark inputs: finite, and normal or 0. */
import type { TensorDtype } from '../tensors/tensor.js';

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

function bfloat16Bits(value: number): number {
  float[0] = value;
  const word = bits[0] as number;
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}

function float16Bits(value: number): number {
  float[0] = value;
  const word = bits[0] as number;
  const magnitude = word & 0x7fffffff;
  const sign = (word >>> 16) & 0x8000;
  if (magnitude < 0x38800000) return sign; // below the smallest normal number, 2^-14
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** The values in the memory layout of a dtype. */
export function encode(values: Float32Array, dtype: TensorDtype): Float32Array | Uint16Array {
  if (dtype === 'float32') return values;
  return Uint16Array.from(values, dtype === 'bfloat16' ? bfloat16Bits : float16Bits);
}
