/** The result of an evaluation as a safetensors file, under the names of the vectors without their `exp.` prefix. */
import type { BatchFile } from './batch-file.js';
import type { Evaluation } from './evaluation.js';
import type { FileTensor, TensorData } from './safetensors.js';
import { writeSafetensors } from './safetensors-writer.js';
import { RESULTS } from './tensor-table.js';

const FILE_DTYPES = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const;

/**
 * Writes loss, gradient and every per-token field that applies to the loss.
 * @throws {LpRegError} `ERR_OPTION` if the file cannot be written.
 */
export function writeResultFile(
  path: string,
  { shape }: BatchFile,
  { loss, gradLogits, tokens }: Evaluation,
): void {
  const tensors = new Map<string, FileTensor>([
    ['loss', { dtype: 'F64', shape: [1], data: Float64Array.of(loss) }],
    [
      'grad',
      {
        dtype: FILE_DTYPES[gradLogits.dtype as keyof typeof FILE_DTYPES],
        shape: gradLogits.shape,
        data: gradLogits.data as TensorData,
      },
    ],
  ]);
  for (const { name, field, dtype } of RESULTS) {
    const data = tokens[field];
    if (data !== undefined) tensors.set(name, { dtype, shape: shape.slice(0, 2), data });
  }
  writeSafetensors(path, tensors);
}
