/** The `case` metadata of a batch file as options of the API. Keys, names and defaults: metadata-table.ts. */
import {
  FIXED_CONSTANTS,
  LOSSES,
  type LossName,
  METADATA,
  type MetadataRow,
  type MetadataSection,
  PROVENANCE_KEYS,
} from './metadata-table.js';
import { fileFormatError, findDuplicateKey, quoteName } from './safetensors-header.js';

/** What a file's metadata asks for. */
export interface BatchMetadata {
  readonly loss: LossName;
  /** Options of the API; their values are checked where the API checks every caller's. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Where the proxy distribution comes from; `none` for losses without one. */
  readonly proxy: 'none' | 'current' | 'old' | 'stored';
  /** Whether the loss has a KL term to a reference policy. */
  readonly needsReference: boolean;
  /** The given threshold of the paper's form, in place of its quantile. */
  readonly probThreshold?: number;
  /** What the file says about its sizes; `undefined` where it says nothing. */
  readonly sizes: { readonly B?: number; readonly T?: number; readonly V?: number };
  /** Sentences for the user about keys that the file has and that change nothing. */
  readonly notes: readonly string[];
}

type Fields = ReadonlyMap<string, unknown>;

/**
 * Reads the JSON text of the `case` entry.
 * @throws {LpRegError} `ERR_FILE_FORMAT`, with the offending key such as `hyper.rho` in `argument`.
 */
export function parseBatchMetadata(text: string): BatchMetadata {
  const top = parseCase(text);
  const loss = readLoss(top);
  const sections: Record<MetadataSection, Fields> = {
    case: top,
    hyper: readSection(top, 'hyper'),
    extras: readSection(top, 'extras'),
    filter: readSection(top, 'filter'),
  };
  for (const section of ['hyper', 'extras', 'filter'] as const) checkKeys(section, sections[section], loss);
  checkConstants(top, loss);

  const { probThreshold, ...values } = readValues(sections, loss);
  const { cName: _, ...objective } = LOSSES[loss];
  const filter = loss.startsWith('lp-reg')
    ? readFilter(sections.filter, loss)
    : { proxy: 'none' as const, options: {} };
  const needsReference = values.klRefCoef !== 0;
  if (!needsReference) delete values.klRefEstimator;
  return {
    loss,
    options: { ...objective, ...values, ...filter.options },
    proxy: filter.proxy,
    needsReference,
    ...(probThreshold === undefined ? {} : { probThreshold: probThreshold as number }),
    sizes: readSizes(top),
    notes: [...describeUnknownKeys(top), ...describeIdleKeys(sections)],
  };
}

function parseCase(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw fileFormatError('metadata "case" is not valid JSON', 'case', cause);
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined)
    throw fileFormatError(`metadata "case" holds ${quoteName(duplicate)} twice`, duplicate);
  return asFields(value, 'case');
}

/** The entries of a JSON object. Python writes absent values as null, so null means absent. */
function asFields(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fileFormatError(`metadata ${quoteName(name)} is not an object`, name);
  }
  return new Map(Object.entries(value).filter(([, entry]) => entry !== null));
}

function readSection(top: Fields, section: string): Fields {
  return top.has(section) ? asFields(top.get(section), section) : new Map();
}

function readLoss(top: Fields): LossName {
  const loss = top.get('loss');
  if (typeof loss === 'string' && Object.hasOwn(LOSSES, loss)) return loss as LossName;
  const known = Object.keys(LOSSES).join(', ');
  throw fileFormatError(`metadata "loss" must be one of ${known}, not ${quoteName(String(loss))}`, 'loss');
}

function rowsFor(section: MetadataSection, loss: LossName): MetadataRow[] {
  return METADATA.filter((row) => row.section === section && row.losses.includes(loss));
}

/** A key that this loss ignores is an error: the file's writer meant something by it. */
function checkKeys(section: MetadataSection, fields: Fields, loss: LossName): void {
  const known = new Set(METADATA.filter((row) => row.section === section).map((row) => row.key));
  const used = new Set(rowsFor(section, loss).map((row) => row.key));
  for (const key of fields.keys()) {
    if (used.has(key)) continue;
    const name = `${section}.${key}`;
    const why = known.has(key) ? `has no effect on the loss ${quoteName(loss)}` : 'is not a known key';
    throw fileFormatError(`metadata ${quoteName(name)} ${why}`, name);
  }
}

function checkConstants(top: Fields, loss: LossName): void {
  for (const [key, constant] of Object.entries(FIXED_CONSTANTS)) {
    if (top.has(key) && top.get(key) !== constant) {
      throw fileFormatError(
        `metadata ${quoteName(key)} must be ${constant}, the only value that is computed`,
        key,
      );
    }
  }
  const aggregation = top.get('agg');
  if (loss === 'gspo' && aggregation !== undefined && aggregation !== 'seq-mean-token-mean') {
    throw fileFormatError(
      `metadata "agg" of gspo must be "seq-mean-token-mean", not ${quoteName(String(aggregation))}`,
      'agg',
    );
  }
}

/** Options of everything but the filter, whose shape depends on its kind. */
function readValues(sections: Record<MetadataSection, Fields>, loss: LossName): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const section of ['case', 'hyper', 'extras'] as const) {
    for (const row of rowsFor(section, loss)) {
      const value = readValue(row, sections[section]);
      if (value !== undefined) values[row.option.replace('batch.', '')] = value;
    }
  }
  return values;
}

function readValue(row: MetadataRow, fields: Fields): number | string | undefined {
  const name = row.section === 'case' ? row.key : `${row.section}.${row.key}`;
  const value = fields.get(row.key) ?? row.default;
  if (value === undefined) return undefined;
  if (row.choices === undefined) {
    if (typeof value === 'number') return value;
    throw fileFormatError(
      `metadata ${quoteName(name)} must be a number, not ${quoteName(String(value))}`,
      name,
    );
  }
  const choice =
    typeof value === 'string' && Object.hasOwn(row.choices, value) ? row.choices[value] : undefined;
  if (choice !== undefined) return choice;
  const known = Object.keys(row.choices).join(', ');
  throw fileFormatError(
    `metadata ${quoteName(name)} must be one of ${known}, not ${quoteName(String(value))}`,
    name,
  );
}

function readFilter(
  fields: Fields,
  loss: LossName,
): Pick<BatchMetadata, 'options'> & { proxy: 'current' | 'old' | 'stored' } {
  const read = new Map(rowsFor('filter', loss).map((row) => [row.key, readValue(row, fields)]));
  const proxy = read.get('source') as 'current' | 'old' | 'stored';
  // Stored proxies were filtered when they were computed; the file's filter says how, and nothing is filtered now.
  if (proxy === 'stored') return { proxy, options: { proxy } };
  const kind = read.get('mode');
  const value = read.get('value');
  if (kind === undefined)
    throw fileFormatError(`metadata "filter.mode" is missing: ${loss} needs a filter`, 'filter.mode');
  if (value === undefined) throw fileFormatError('metadata "filter.value" is missing', 'filter.value');
  const on = read.get('on');
  const filter =
    kind === 'fixed' ? { kind, tau: value, on, empty: read.get('empty') } : { kind, kappa: value, on };
  return { proxy, options: { proxy, filter } };
}

function readSizes(top: Fields): BatchMetadata['sizes'] {
  const sizes: Record<string, number> = {};
  for (const key of ['B', 'T', 'V']) {
    if (!top.has(key)) continue;
    const size = top.get(key);
    if (!Number.isSafeInteger(size)) throw fileFormatError(`metadata "${key}" is not an integer`, key);
    sizes[key] = size as number;
  }
  return sizes;
}

function describeUnknownKeys(top: Fields): string[] {
  const known = new Set<string>([
    'loss',
    'B',
    'T',
    'V',
    'hyper',
    'extras',
    'filter',
    ...PROVENANCE_KEYS,
    ...Object.keys(FIXED_CONSTANTS),
    ...METADATA.filter((row) => row.section === 'case').map((row) => row.key),
  ]);
  return [...top.keys()]
    .filter((key) => !known.has(key))
    .map((key) => `metadata ${quoteName(key)} is not a known key and is not used`);
}

/** Keys of this loss that another key of the same file switches off. */
function describeIdleKeys({ hyper, extras, filter }: Record<MetadataSection, Fields>): string[] {
  const notes: string[] = [];
  if (hyper.has('prob_threshold')) {
    for (const key of ['rho', 'interp'].filter((name) => hyper.has(name))) {
      notes.push(`metadata "hyper.${key}" has no effect: "hyper.prob_threshold" is given`);
    }
  }
  if (extras.has('kl_ref_type') && !extras.get('kl_ref_coef')) {
    notes.push('metadata "extras.kl_ref_type" has no effect: "extras.kl_ref_coef" is 0');
  }
  if (filter.get('mode') === 'min-p' && filter.get('empty') === 'uniform') {
    notes.push('metadata "filter.empty" has no effect: a min-p filter always keeps the most probable token');
  }
  return notes;
}
