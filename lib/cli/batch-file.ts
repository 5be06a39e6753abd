/** A batch dumped by any trainer (docs/semantics.md §9): file in, options and batch of the API out. */

import type { PolicyLossOptions } from '../options/option-types.js';
import type { PolicyLossBatch } from '../tensors/batch.js';
import { type BatchMetadata, parseBatchMetadata } from './batch-metadata.js';
import type { LossName } from './metadata-table.js';
import { type FileTensor, SafetensorsFile } from './safetensors.js';
import { fileFormatError, quoteName, type TensorInfo } from './safetensors-header.js';
import { TENSORS, type TensorRow } from './tensor-table.js';

/** A batch file, read and ready to be evaluated. */
export interface BatchFile {
  readonly loss: LossName;
  readonly options: PolicyLossOptions;
  readonly batch: PolicyLossBatch;
  /** Sequences, padded width and vocabulary. */
  readonly shape: readonly [B: number, T: number, V: number];
  /** Sentences for the user about parts of the file that are not used. */
  readonly notes: readonly string[];
}

const LOGITS_DTYPES = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const;

/**
 * Reads a batch file; of its tensors only those that its loss needs.
 * @param path - A safetensors file in the layout of docs/metadata.md.
 * @param logitsName - Tensor to take the logits from, such as `logits_bf16`.
 * @throws {LpRegError} `ERR_FILE_FORMAT`, naming the offending tensor or metadata key in `argument`.
 */
export function readBatchFile(path: string, logitsName = 'logits'): BatchFile {
  const file = new SafetensorsFile(path);
  try {
    const text = file.metadata.get('case');
    if (text === undefined) throw fileFormatError('the file has no metadata "case"', 'case');
    const metadata = parseBatchMetadata(text);
    const shape = readShape(file, logitsName, metadata.sizes);
    const batch = readTensors(file, logitsName, metadata, shape);
    return {
      loss: metadata.loss,
      // Types of the options are those of metadata-table.ts, which a test holds against the API's own checks.
      options: metadata.options as unknown as PolicyLossOptions,
      batch: batch as unknown as PolicyLossBatch,
      shape,
      notes: [...metadata.notes, ...describeUnusedTensors(file, logitsName)],
    };
  } finally {
    file.close();
  }
}

function readShape(
  file: SafetensorsFile,
  logitsName: string,
  sizes: BatchMetadata['sizes'],
): [number, number, number] {
  const { shape } = findTensor(file, logitsName);
  const [B, T, V] = shape;
  if (B === undefined || T === undefined || V === undefined || shape.length !== 3) {
    throw fileFormatError(
      `tensor ${quoteName(logitsName)} must be [B, T, V], not [${shape.join(', ')}]`,
      logitsName,
    );
  }
  for (const [key, size] of Object.entries({ B, T, V })) {
    const stated = sizes[key as 'B' | 'T' | 'V'];
    if (stated !== undefined && stated !== size) {
      throw fileFormatError(
        `metadata "${key}" is ${stated}, but tensor ${quoteName(logitsName)} says ${size}`,
        key,
      );
    }
  }
  return [B, T, V];
}

function findTensor(file: SafetensorsFile, name: string): TensorInfo {
  const info = file.tensors.get(name);
  if (info === undefined)
    throw fileFormatError(`the file has no tensor ${quoteName(name)}, which its loss needs`, name);
  return info;
}

function readTensors(
  file: SafetensorsFile,
  logitsName: string,
  metadata: BatchMetadata,
  shape: readonly [number, number, number],
): Record<string, unknown> {
  const batch: Record<string, unknown> = {};
  for (const row of TENSORS) {
    const name = row.name === 'logits' ? logitsName : row.name;
    if (!isWanted(row.name, file, metadata)) continue;
    checkTensor(name, findTensor(file, name), row, shape);
    const tensor = file.read(name);
    batch[row.field] = row.shape === '[B, T, V]' ? asLogits(tensor) : tensor.data;
  }
  if (metadata.probThreshold !== undefined) batch.probThreshold = metadata.probThreshold;
  return batch;
}

/** The column `when` of the tensor table. */
function isWanted(name: string, file: SafetensorsFile, metadata: BatchMetadata): boolean {
  switch (name) {
    case 'mask':
    case 'rollout_weights':
      return file.tensors.has(name);
    case 'chosen':
      return metadata.loss === 'clip-cov' && file.tensors.has(name);
    case 'old_logits':
      return metadata.proxy === 'old';
    case 'stored_proxy_logp':
      return metadata.proxy === 'stored';
    case 'ref_logp':
      return metadata.needsReference;
    default:
      return true;
  }
}

function checkTensor(
  name: string,
  info: TensorInfo,
  row: TensorRow,
  [B, T, V]: readonly [number, number, number],
): void {
  if (!row.dtypes.includes(info.dtype)) {
    throw fileFormatError(
      `tensor ${quoteName(name)} must be ${row.dtypes.join(' or ')}, not ${info.dtype}`,
      name,
    );
  }
  const allowed = { '[B, T, V]': [[B, T, V]], '[B, T]': [[B, T]], '[B, T] or [B]': [[B, T], [B]] }[row.shape];
  if (!allowed.some((shape) => shape.join() === info.shape.join())) {
    const expected = allowed.map((shape) => `[${shape.join(', ')}]`).join(' or ');
    throw fileFormatError(
      `tensor ${quoteName(name)} must be ${row.shape} = ${expected}, not [${info.shape.join(', ')}]`,
      name,
    );
  }
}

function asLogits(tensor: FileTensor): object {
  const dtype = LOGITS_DTYPES[tensor.dtype as keyof typeof LOGITS_DTYPES];
  return { data: tensor.data, dtype, shape: tensor.shape };
}

/** Tensors under no known name: a misspelled optional one would otherwise be left out in silence. */
function describeUnusedTensors(file: SafetensorsFile, logitsName: string): string[] {
  const known = new Set([logitsName, ...TENSORS.map((row) => row.name)]);
  return [...file.tensors.keys()]
    .filter((name) => !known.has(name) && !name.startsWith('exp.') && !name.startsWith('logits_'))
    .map((name) => `tensor ${quoteName(name)} is not used`);
}
