// Shapes [sequences, tokens, vocabulary], and why each is measured.

/** The shape that the targets are stated for. */
export const TARGET_SHAPE = [16, 16, 151936];

export const SHAPES = [
  { shape: TARGET_SHAPE, why: 'vocabulary of Qwen 2.5 and 3; logits far larger than any cache' },
  { shape: [16, 16, 262144], why: 'vocabulary of Gemma 3; the largest in use' },
  { shape: [16, 16, 128256], why: 'vocabulary of Llama 3' },
  { shape: [16, 16, 32000], why: 'vocabulary of Llama 2; a row fits the second-level cache' },
  { shape: [1, 1, 151936], why: 'one row: nothing to share between threads but the row itself' },
  { shape: [64, 128, 1000], why: 'many short rows: costs per row show' },
  { shape: [64, 128, 32], why: 'rows of two vectors: costs per row are all there is' },
];

/** For trying things out: seconds in all. */
export const QUICK_SHAPES = [
  { shape: [1, 8, 32000], why: 'quick' },
  { shape: [8, 16, 32], why: 'quick' },
];
