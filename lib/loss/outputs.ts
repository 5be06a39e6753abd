import { LpRegError } from '../errors.js';
import { AT, type CallArguments } from '../native/arguments.js';
import { DeviceArray } from '../native/device-array.js';
import { TOKEN_FIELDS } from '../native/names.js';
import { ResultMemory } from '../native/result-memory.js';
import { arrayArgument } from '../tensors/device-data.js';
import { describe } from '../tensors/own-fields.js';
import type { DeviceTokenArrays, TokenArrays, TokenField, TokenResults } from './token-fields.js';

/** Which per-token results a call gives. */
export interface OutputPlan {
  /** In the order of `lpreg_token_outputs`. */
  readonly fields: readonly TokenField[];
  /** A bit for each field of `lpreg_token_outputs`. */
  readonly bits: number;
}

const FIELD_ORDER = Object.keys(TOKEN_FIELDS) as TokenField[];

type ArrayKind = 'float32' | 'int32' | 'uint8';

const ARRAY_KINDS: { readonly [Field in TokenField]?: ArrayKind } = {
  keepCount: 'int32',
  actionIsMax: 'uint8',
  selected: 'uint8',
  clipped: 'uint8',
  dualClipped: 'uint8',
  candidate: 'uint8',
};

/** A plan that gives some fields. */
export function planOutputs(wanted: readonly TokenField[]): OutputPlan {
  const fields = FIELD_ORDER.filter((field) => wanted.includes(field));
  return { fields, bits: fields.reduce((bits, field) => bits | (1 << FIELD_ORDER.indexOf(field)), 0) };
}

/**
 * Checks the option `outputs`.
 * @param offered - Fields that this call can give.
 * @throws {LpRegError} `ERR_TYPE`, `ERR_OPTION` for an unknown field, `ERR_OPTION_WITHOUT_EFFECT` for one of
 *   another loss.
 */
export function readOutputs(
  outputs: unknown,
  offered: readonly TokenField[],
  byDefault: OutputPlan,
): OutputPlan {
  if (outputs === undefined) return byDefault;
  const fail = (code: 'ERR_TYPE' | 'ERR_OPTION' | 'ERR_OPTION_WITHOUT_EFFECT', message: string) =>
    new LpRegError(code, `outputs: ${message}`, { argument: 'outputs' });
  if (!Array.isArray(outputs)) throw fail('ERR_TYPE', `expected an array, received ${describe(outputs)}`);
  for (const field of outputs) {
    if (offered.includes(field)) continue;
    const known = typeof field === 'string' && Object.hasOwn(TOKEN_FIELDS, field);
    if (known) throw fail('ERR_OPTION_WITHOUT_EFFECT', `${field} does not apply here`);
    throw fail('ERR_OPTION', `there is no field ${describe(field)}`);
  }
  return planOutputs(outputs);
}

/** Memory for what a call gives. */
export interface CallResults {
  /** The loss and its metrics, once the call has run. */
  readonly scalars: Float64Array;
  /**
   * The per-token results, once the call has run.
   * @param consumed - Whether the call has overwritten the logits, for the error.
   * @throws {LpRegError} `ERR_OUT_OF_MEMORY`.
   */
  tokens(consumed?: boolean): TokenResults<TokenField, boolean>;
}

/**
 * Fills in where a call writes its results.
 * @param keepOn - Device to keep the per-token results on; by default they are copied to the host.
 * @throws {LpRegError} `ERR_OUT_OF_MEMORY`.
 */
export function setResults(
  values: CallArguments,
  { fields, bits }: OutputPlan,
  { rows, isJob, keepOn }: { rows: number; isJob: boolean; keepOn?: number | undefined },
): CallResults {
  const memory = ResultMemory.of(keepOn === undefined ? fields.length : 0, rows, isJob);
  values[AT.outputs] = bits;
  values[AT.results] = memory.scalars;
  if (keepOn === undefined)
    return { scalars: memory.scalars, tokens: (consumed) => read(fields, memory, rows, consumed) };
  const arrays = fields.map((field) => DeviceArray.allocate(kindOf(field), rows, { device: keepOn }));
  values[AT.device_outputs] = arrays.map(arrayArgument);
  const tokens = Object.fromEntries(fields.map((field, i) => [field, arrays[i]]));
  return { scalars: memory.scalars, tokens: () => tokens as unknown as DeviceTokenArrays };
}

function kindOf(field: TokenField): ArrayKind {
  return ARRAY_KINDS[field] ?? 'float32';
}

function read(
  fields: readonly TokenField[],
  memory: ResultMemory,
  rows: number,
  consumed = false,
): TokenArrays {
  const tokens: { -readonly [Field in TokenField]?: unknown } = {};
  try {
    fields.forEach((field, i) => {
      tokens[field] = memory[kindOf(field)](i, rows);
    });
  } catch (cause) {
    const status = consumed ? 'consumed' : 'untouched';
    throw new LpRegError('ERR_OUT_OF_MEMORY', `results: no memory for ${rows} rows`, { status, cause });
  }
  return tokens as TokenArrays;
}
