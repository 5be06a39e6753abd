/** Names and enumerators on both sides of the C ABI agree: native/include/lpreg.h is read as text. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lossMetrics } from '../lib/loss/metrics.js';
import type { NativeFailure } from '../lib/native/addon-types.js';
import { ARGUMENT_ORDER } from '../lib/native/arguments.js';
import { addon } from '../lib/native/binding.js';
import { fromFailure } from '../lib/native/failure.js';
import {
  ARGUMENT_NAMES,
  BATCH_FIELDS,
  FILTER_EMPTY_ORDER,
  FILTER_ON_ORDER,
  FILTER_ORDER,
  LOSS_OPTION_ORDER,
  METRIC_FIELDS,
  NUMBER_OPTIONS,
  OBJECTIVE_ORDER,
  OPERATION_ORDER,
  PROXY_ORDER,
  ROW_OPTION_ORDER,
  SNAPSHOT_FIELDS,
  TOKEN_FIELDS,
  WORD_OPTIONS,
} from '../lib/native/names.js';
import { TENSOR_DTYPES } from '../lib/tensors/layout.js';

const header = readFileSync(join(import.meta.dirname, '../native/include/lpreg.h'), 'utf8').replace(
  /\/\*[\s\S]*?\*\//g,
  '',
);

/** Field names of a struct. */
function fieldsOf(struct: string): Set<string> {
  const body = header.match(new RegExp(`typedef struct ${struct} \\{([\\s\\S]*?)\\} ${struct};`))?.[1] ?? '';
  const names = [...body.matchAll(/(\w+)(?:\[\d+\])?\s*(?=[,;])/g)].map(([, name]) => name as string);
  expect(names.length).toBeGreaterThan(0);
  return new Set(names);
}

/** Enumerators in the order of their values, which must count up from 0. */
function enumeratorsOf(name: string): string[] {
  const body = header.match(new RegExp(`typedef enum ${name} \\{([\\s\\S]*?)\\} ${name};`))?.[1] ?? '';
  const pairs = [...body.matchAll(/LPREG_(\w+) = (\d+)/g)];
  expect(pairs.map(([, , value]) => Number(value))).toStrictEqual(pairs.map((_, i) => i));
  return pairs.map(([, enumerator]) => enumerator as string);
}

test.each<[string, Record<string, string>, string[]]>([
  ['lpreg_loss_options', NUMBER_OPTIONS, ['struct_size', 'row', 'objective', 'check_first']],
  ['lpreg_token_outputs', TOKEN_FIELDS, ['struct_size']],
  ['lpreg_loss_result', METRIC_FIELDS, ['struct_size', 'loss']],
  ['lpreg_snapshot', SNAPSHOT_FIELDS, ['struct_size', 'rows', 'capacity']],
])('every field of %s has a name in TypeScript', (struct, table, others) => {
  const words = struct === 'lpreg_loss_options' ? Object.values(WORD_OPTIONS).map(({ field }) => field) : [];
  expect(new Set([...Object.values(table), ...words, ...others])).toStrictEqual(fieldsOf(struct));
});

test('every input of lpreg_batch has a name in TypeScript', () => {
  const layout = [
    'struct_size',
    'sequences',
    'tokens',
    'rows',
    'vocab',
    'action_dtype',
    'advantages_per_sequence',
  ];
  const others = ['logits', 'old_logits', 'proxy_snapshot', 'sequence_lengths'];
  expect(new Set([...Object.values(BATCH_FIELDS), ...layout, ...others])).toStrictEqual(
    fieldsOf('lpreg_batch'),
  );
});

test.each<[string, readonly string[]]>([
  [
    'lpreg_objective',
    [
      'GRPO',
      'GSPO',
      'KL_COV',
      'CLIP_COV',
      'TOP_ENTROPY',
      'LP_REG_PAPER',
      'LP_REG_REFERENCE',
      'LP_REG_KEPT',
      'CISPO',
      'SAPO',
    ],
  ],
  ['lpreg_proxy', PROXY_ORDER.map((word) => `PROXY_${word}`)],
  ['lpreg_filter_kind', FILTER_ORDER.map((word) => `FILTER_${word}`)],
  ['lpreg_filter_on', FILTER_ON_ORDER.map((word) => `ON_${word}`)],
  ['lpreg_filter_empty', FILTER_EMPTY_ORDER.map((word) => `EMPTY_${word}`)],
  ['lpreg_aggregation', WORD_OPTIONS.aggregation.words],
  ['lpreg_estimator', WORD_OPTIONS.estimator.words],
  ['lpreg_interpolation', WORD_OPTIONS.interpolation.words],
  ['lpreg_select_on', WORD_OPTIONS.selectOn.words.map((word) => `SELECT_${word}`)],
  ['lpreg_non_finite', WORD_OPTIONS.nonFinite.words.map((word) => `NON_FINITE_${word}`)],
  ['lpreg_dtype', TENSOR_DTYPES],
])('%s counts our words in the same order', (name, words) => {
  const plain = words.map((word) => word.toUpperCase().replaceAll('-', '_'));
  expect(enumeratorsOf(name)).toStrictEqual(plain);
});

test.each<[string, readonly string[]]>([
  ['operations', OPERATION_ORDER],
  ['arguments', ARGUMENT_ORDER],
  ['rowOptions', ROW_OPTION_ORDER],
  ['lossOptions', LOSS_OPTION_ORDER],
  ['scalars', ['loss', ...Object.values(METRIC_FIELDS)]],
  ['tokenFields', Object.values(TOKEN_FIELDS)],
])('%s stand in the same order in the addon', (table, order) => {
  expect(addon().orders[table]).toStrictEqual(order);
});

test('metrics are read from where the addon writes them', () => {
  const scalars = Float64Array.from(Object.keys(METRIC_FIELDS), (_, i) => i + 1);
  expect(Object.entries(lossMetrics(Float64Array.of(0, ...scalars)))).toStrictEqual(
    Object.keys(METRIC_FIELDS).map((metric, i) => [metric, i + 1]),
  );
});

test('losses are in the order of lpreg_objective', () => {
  const named = OBJECTIVE_ORDER.map((loss) => (loss === '80-20' ? 'top-entropy' : loss));
  expect(named.map((loss) => loss.toUpperCase().replace(/[- ]/g, '_'))).toStrictEqual(
    enumeratorsOf('lpreg_objective'),
  );
});

test('every status has the code of its name', () => {
  const failure: NativeFailure = { status: 0, argument: '', message: '', index: -1, outputStatus: 0 };
  const renamed: Record<string, string> = { ERR_CANCELLED: 'ERR_ABORTED', ERR_WORKSPACE: 'ERR_INTERNAL' };
  for (const [status, name] of enumeratorsOf('lpreg_status').entries()) {
    if (name === 'OK') continue;
    expect(fromFailure({ ...failure, status }).code).toBe(renamed[name] ?? name);
  }
  expect(fromFailure({ ...failure, status: 1000 }).code).toBe('ERR_DETACHED');
  expect(fromFailure({ ...failure, status: 999 }).code).toBe('ERR_INTERNAL');
});

test('a failure names its argument as the caller does', () => {
  const failure: NativeFailure = {
    status: 12,
    argument: 'old_log_probs',
    message: 'must be finite',
    index: 3,
    outputStatus: 1,
  };
  const error = fromFailure(failure, 'why');
  expect(error).toMatchObject({
    code: 'ERR_NON_FINITE_INPUT',
    argument: 'oldLogProbs',
    index: 3,
    status: 'consumed',
    cause: 'why',
  });
  expect(error.message).toBe('oldLogProbs: must be finite (first at index 3)');
});

test('every argument that a failure can name is renamed, or is called the same on both sides', () => {
  for (const theirs of ARGUMENT_NAMES.keys()) expect(theirs).toMatch(/^[a-z_]+$/);
  for (const ours of ARGUMENT_NAMES.values()) expect(ours).not.toContain('_');
});
