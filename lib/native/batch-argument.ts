import { LpRegError } from '../errors.js';
import { missing } from '../options/checks.js';
import { arrayArgument, DeviceData } from '../tensors/device-data.js';
import { requireShape, sizesOf, TENSOR_DTYPES, type TensorView, viewTensor } from '../tensors/layout.js';
import { describe, type FieldReader, fieldReader, similarName } from '../tensors/own-fields.js';
import { AT, type CallArguments, noArguments } from './arguments.js';
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
  /** Its arguments for the addon, with room for those of an operation. */
  readonly values: CallArguments;
  /** Rows of the batch. */
  readonly rows: number;
}

/** A checked batch with logits. */
export interface CheckedLogitsBatch extends CheckedBatch {
  readonly logits: TensorView;
  /** What the caller gave as logits. */
  readonly givenLogits: unknown;
}

const NO_INPUTS = {
  logits: undefined,
  shape: undefined,
  tokens: undefined,
  actions: undefined,
  oldLogProbs: undefined,
  advantages: undefined,
  mask: undefined,
  cuSeqLens: undefined,
  oldLogits: undefined,
  proxySnapshot: undefined,
  proxyLogProbs: undefined,
  refLogProbs: undefined,
  rolloutWeights: undefined,
  chosen: undefined,
  probThreshold: undefined,
  tokenCount: undefined,
  sequenceCount: undefined,
  sequenceLengths: undefined,
  maxLength: undefined,
};

type BatchInput = keyof typeof NO_INPUTS;

/** Own properties of a batch. */
export type BatchFields = Readonly<Record<BatchInput, unknown>>;

/** Reads batches that may have no other inputs than `known`. */
export function batchReader(known: readonly BatchInput[]): FieldReader<BatchInput> {
  return fieldReader<BatchInput>(NO_INPUTS, known, '', (key) => {
    const other = Object.hasOwn(OTHER_NAMES, key) ? `did you mean ${OTHER_NAMES[key]}?` : undefined;
    return similarName(key, known) ?? other;
  });
}

/** Fills in the arguments of a matrix, from the position of its array on. */
export function setMatrix(values: CallArguments, position: number, tensor: TensorView): void {
  values[position] = arrayArgument(tensor.data);
  values[position + 1] = TENSOR_DTYPES.indexOf(tensor.dtype);
  values[position + 2] = tensor.rowStride;
  values[position + 3] = tensor.sequenceStride;
  values[position + 4] = tensor.strided;
}

/**
 * Arguments of a batch with logits.
 * @param temperature - Of the loss, which a snapshot must share.
 */
export function logitsBatch(fields: BatchFields, temperature: number): CheckedLogitsBatch {
  if (fields.logits === undefined) throw missing('logits', 'a batch needs them');
  const logits = viewTensor(fields.logits, 'logits');
  const [sequences, tokens, vocab] = sizesOf(logits.shape);
  const values = inputArguments(fields, sequences, tokens, vocab);
  setMatrix(values, AT.logits, logits);
  values[AT.on_device] = logits.data instanceof DeviceData;
  if (fields.oldLogits !== undefined) {
    const oldLogits = viewTensor(fields.oldLogits, 'oldLogits');
    requireShape(oldLogits, logits.shape, 'oldLogits');
    setMatrix(values, AT.old_logits, oldLogits);
  }
  const rows = sequences * tokens;
  if (fields.proxySnapshot !== undefined) {
    setSnapshot(values, fields.proxySnapshot, { rows, vocab, temperature });
  }
  return { values, rows, logits, givenLogits: fields.logits };
}

/** A batch of nothing but logits and mask. */
export function maskedLogits(logits: unknown, mask: unknown, temperature: number): CheckedLogitsBatch {
  return logitsBatch({ ...NO_INPUTS, logits, mask }, temperature);
}

/**
 * Throws unless a batch says where its sequences are: `[B, T, V]`, or `[N, V]` with `cuSeqLens`.
 * @param rank - Dimensions of the logits.
 */
export function requireSequences(fields: BatchFields, rank: number): void {
  if (rank === 2 && fields.cuSeqLens === undefined) {
    throw missing('cuSeqLens', 'logits [N, V] are packed rows, and the loss must know their sequences');
  }
  if (rank === 3 && fields.cuSeqLens !== undefined) {
    throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', 'cuSeqLens: has no effect on logits [B, T, V]', {
      argument: 'cuSeqLens',
    });
  }
}

/** Arguments of a batch without logits. */
export function scalarBatch(fields: BatchFields, sequences: number, tokens: number): CheckedBatch {
  return { values: inputArguments(fields, sequences, tokens, 0), rows: sequences * tokens };
}

const INPUT_POSITIONS = Object.entries(BATCH_FIELDS).map(
  ([ours, theirs]) => [ours as keyof typeof BATCH_FIELDS, AT[theirs]] as const,
);

function inputArguments(
  fields: BatchFields,
  sequences: number,
  tokens: number,
  vocab: number,
): CallArguments {
  const values = noArguments();
  values[AT.sequences] = sequences;
  values[AT.tokens] = tokens;
  values[AT.rows] = sequences * tokens;
  values[AT.vocab] = vocab;
  for (const [ours, position] of INPUT_POSITIONS) values[position] = arrayArgument(fields[ours]);
  values[AT.sequence_lengths] = sequenceLengths(fields.sequenceLengths);
  return values;
}

function sequenceLengths(value: unknown): unknown {
  if (!Array.isArray(value)) return arrayArgument(value);
  const wrong = value.findIndex((length) => typeof length !== 'number');
  if (wrong < 0) return Float64Array.from(value);
  const message = `sequenceLengths: expected numbers, received ${describe(value[wrong])}`;
  throw new LpRegError('ERR_TYPE', message, { argument: 'sequenceLengths', index: wrong });
}

const readSnapshot = fieldReader({
  rows: undefined,
  vocab: undefined,
  temperature: undefined,
  rowPtr: undefined,
  ids: undefined,
  logQ: undefined,
  logKeptMass: undefined,
  uniform: undefined,
});

function setSnapshot(
  values: CallArguments,
  given: unknown,
  sizes: { rows: number; vocab: number; temperature: number },
): void {
  const argument = 'proxySnapshot';
  const fields = readSnapshot(given, argument);
  for (const [key, expected] of Object.entries(sizes)) {
    const received = fields[key as keyof typeof sizes];
    if (received === expected) continue;
    const message = `proxySnapshot.${key}: expected ${expected}, received ${describe(received)}`;
    throw new LpRegError(key === 'temperature' ? 'ERR_OPTION' : 'ERR_SHAPE', message, { argument });
  }
  values[AT.proxy_snapshot] = true;
  for (const [ours, theirs] of Object.entries(SNAPSHOT_FIELDS)) {
    values[AT[theirs]] = arrayArgument(fields[ours as keyof typeof SNAPSHOT_FIELDS]);
  }
}
