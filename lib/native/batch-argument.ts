import { LpRegError } from '../errors.js';
import { missing } from '../options/checks.js';
import { requireShape, sizesOf, TENSOR_DTYPES, type TensorView, viewTensor } from '../tensors/layout.js';
import {
  describe,
  type Fields,
  ownFields,
  rejectUnknownFields,
  seal,
  similarName,
} from '../tensors/own-fields.js';
import type { BatchArgument, MatrixArgument } from './addon-types.js';
import { BATCH_FIELDS, SNAPSHOT_FIELDS } from './names.js';

/** Names that trainers have for our inputs. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  labels: 'actions',
  responses: 'actions',
  attentionMask: 'mask',
  completionMask: 'mask',
  responseMask: 'mask',
  numItemsInBatch: 'tokenCount',
  perTokenLogps: 'logits',
  oldPerTokenLogps: 'oldLogProbs',
  refPerTokenLogps: 'refLogProbs',
};

/** A batch that has been checked as far as it can be without looking at memory. */
export interface CheckedBatch {
  /** `lpreg_batch`. */
  readonly argument: BatchArgument;
  /** Rows of the batch. */
  readonly rows: number;
}

/** A checked batch with logits. */
export interface CheckedLogitsBatch extends CheckedBatch {
  readonly logits: TensorView;
}

/**
 * Own fields of a batch, of which there may be no others than `known`.
 * @throws {LpRegError} `ERR_TYPE`, `ERR_OPTION_WITHOUT_EFFECT`.
 */
export function batchFields(batch: unknown, known: readonly string[]): Fields {
  const fields = ownFields(batch, 'batch');
  rejectUnknownFields(fields, known, '', (key) => {
    const other = Object.hasOwn(OTHER_NAMES, key) ? `did you mean ${OTHER_NAMES[key]}?` : undefined;
    return similarName(key, known) ?? other;
  });
  return fields;
}

/** `lpreg_matrix` of a tensor. */
export function matrixArgument(tensor: TensorView): MatrixArgument {
  return {
    data: tensor.data,
    dtype: TENSOR_DTYPES.indexOf(tensor.dtype),
    row_stride: tensor.rowStride,
    sequence_stride: tensor.sequenceStride,
    strided: tensor.strided,
  };
}

/**
 * `lpreg_batch` of a batch with logits.
 * @param fields - Of {@link batchFields}.
 * @param temperature - Of the loss, which a snapshot must share.
 */
export function logitsBatch(fields: Fields, temperature: number): CheckedLogitsBatch {
  if (fields.logits === undefined) throw missing('logits', 'a batch needs them');
  const logits = viewTensor(fields.logits, 'logits');
  const [sequences, tokens, vocab] = sizesOf(logits.shape);
  const rows = sequences * tokens;
  const argument: Record<string, unknown> = { ...inputArguments(fields), sequences, tokens, rows, vocab };
  argument.logits = matrixArgument(logits);
  if (fields.oldLogits !== undefined) {
    const oldLogits = viewTensor(fields.oldLogits, 'oldLogits');
    requireShape(oldLogits, logits.shape, 'oldLogits');
    argument.old_logits = matrixArgument(oldLogits);
  }
  if (fields.proxySnapshot !== undefined) {
    argument.proxy_snapshot = snapshotArgument(fields.proxySnapshot, rows, vocab, temperature);
  }
  return { argument: seal(argument), rows, logits };
}

/**
 * Throws unless a batch says where its sequences are: `[B, T, V]`, or `[N, V]` with `cuSeqLens`.
 * @param rank - Dimensions of the logits.
 */
export function requireSequences(fields: Fields, rank: number): void {
  if (rank === 2 && fields.cuSeqLens === undefined) {
    throw missing('cuSeqLens', 'logits [N, V] are packed rows, and the loss must know their sequences');
  }
  if (rank === 3 && fields.cuSeqLens !== undefined) {
    throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', 'cuSeqLens: has no effect on logits [B, T, V]', {
      argument: 'cuSeqLens',
    });
  }
}

/** `lpreg_batch` of a batch without logits. */
export function scalarBatch(fields: Fields, sequences: number, tokens: number): CheckedBatch {
  const rows = sequences * tokens;
  return { argument: seal({ ...inputArguments(fields), sequences, tokens, rows, vocab: 0 }), rows };
}

function inputArguments(fields: Fields): Record<string, unknown> {
  const argument: Record<string, unknown> = {};
  for (const [ours, theirs] of Object.entries(BATCH_FIELDS)) argument[theirs] = fields[ours];
  argument.sequence_lengths = sequenceLengths(fields.sequenceLengths);
  return argument;
}

function sequenceLengths(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const wrong = value.findIndex((length) => typeof length !== 'number');
  if (wrong < 0) return Float64Array.from(value);
  const message = `sequenceLengths: expected numbers, received ${describe(value[wrong])}`;
  throw new LpRegError('ERR_TYPE', message, { argument: 'sequenceLengths', index: wrong });
}

function snapshotArgument(value: unknown, rows: number, vocab: number, temperature: number): Fields {
  const argument = 'proxySnapshot';
  const fields = ownFields(value, argument);
  const sizes = { rows, vocab, temperature };
  rejectUnknownFields(fields, [...Object.keys(SNAPSHOT_FIELDS), ...Object.keys(sizes)], argument);
  for (const [key, expected] of Object.entries(sizes)) {
    if (fields[key] === expected) continue;
    const message = `proxySnapshot.${key}: expected ${expected}, received ${describe(fields[key])}`;
    throw new LpRegError(key === 'temperature' ? 'ERR_OPTION' : 'ERR_SHAPE', message, { argument });
  }
  const arrays = Object.entries(SNAPSHOT_FIELDS).map(([ours, theirs]) => [theirs, fields[ours]]);
  return seal(Object.fromEntries(arrays));
}
