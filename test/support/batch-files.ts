/** Small batch files to read and to break: GRPO, B = 2, T = 3, V = 4, unless a test says otherwise. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileTensor } from '../../lib/cli/safetensors.js';
import { writeSafetensors } from '../../lib/cli/safetensors-writer.js';

/** A folder for a test file's own batch files. Call `remove` when done. */
export function batchFolder() {
  const path = mkdtempSync(join(tmpdir(), 'lp-reg-batch-'));
  let files = 0;
  return {
    path,
    next: () => join(path, `${files++}.safetensors`),
    remove: () => rmSync(path, { recursive: true }),
  };
}

/** What differs from the default file: keys of `case`, tensors (`null` leaves one out), or the raw text of `case`. */
export interface BatchFileChanges {
  readonly case?: Readonly<Record<string, unknown>>;
  readonly tensors?: Readonly<Record<string, FileTensor | null>>;
  readonly caseText?: string | null;
}

export const float32 = (values: readonly number[], shape: readonly number[]): FileTensor => ({
  dtype: 'F32',
  shape,
  data: Float32Array.from(values),
});

/** The default file's tensors. Advantages alternate in sign; the last token of the second sequence is masked. */
export function smallTensors(): Record<string, FileTensor> {
  const logits = Array.from({ length: 24 }, (_, at) => Math.sin(1 + at) * 2);
  return {
    logits: float32(logits, [2, 3, 4]),
    actions: { dtype: 'I32', shape: [2, 3], data: Int32Array.of(0, 1, 2, 3, 0, 1) },
    old_logp: float32([-1, -2, -1.5, -0.5, -3, -1], [2, 3]),
    advantages: float32([1, -1, 0.5, -0.5, 2, -2], [2, 3]),
    mask: { dtype: 'U8', shape: [2, 3], data: Uint8Array.of(1, 1, 1, 1, 1, 0) },
  };
}

/** Writes a batch file to `path` and returns `path`. */
export function writeBatchFile(path: string, changes: BatchFileChanges = {}): string {
  const tensors = new Map(Object.entries({ ...smallTensors(), ...changes.tensors }));
  const kept = [...tensors].filter((entry): entry is [string, FileTensor] => entry[1] !== null);
  const text =
    changes.caseText === undefined ? JSON.stringify({ loss: 'grpo', ...changes.case }) : changes.caseText;
  writeSafetensors(path, new Map(kept), text === null ? new Map() : new Map([['case', text]]));
  return path;
}
