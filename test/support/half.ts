/** bfloat16 and float16 as bits in `Uint16Array`, rounded to nearest even, independently of the library. */

export type HalfType = 'bf16' | 'f16';

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

function toBfloat16(value: number): number {
  float[0] = value;
  const word = bits[0] as number;
  if (Number.isNaN(value)) return (word >>> 16) | 0x40;
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

function fromBfloat16(half: number): number {
  bits[0] = half << 16;
  return float[0] as number;
}

/** Spacing of float16 numbers of this magnitude. */
function float16Spacing(magnitude: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(magnitude)), -14) - 10);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function toFloat16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (Number.isNaN(value)) return 0x7e00;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | roundToEven(magnitude / 2 ** -24);
  const exponent = Math.floor(Math.log2(magnitude));
  // A mantissa that rounds up to 2048 carries into the exponent field by itself.
  const mantissa = roundToEven(magnitude / float16Spacing(magnitude));
  return sign | (((exponent + 14) << 10) + mantissa);
}

function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

export function encodeHalf(values: ArrayLike<number>, type: HalfType): Uint16Array {
  return Uint16Array.from(values, type === 'bf16' ? toBfloat16 : toFloat16);
}

export function decodeHalf(halves: Uint16Array, type: HalfType): Float32Array {
  return Float32Array.from(halves, type === 'bf16' ? fromBfloat16 : fromFloat16);
}

/** The largest error of one rounding to `type` at this magnitude: half the spacing there. */
export function halfRounding(magnitude: number, type: HalfType): number {
  if (type === 'f16') return float16Spacing(magnitude) / 2;
  return 2 ** (Math.max(Math.floor(Math.log2(magnitude)), -126) - 8);
}
