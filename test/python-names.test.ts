/** python/lp_reg.py says what the TypeScript options and native/include/lpreg.h say; needs python3, not PyTorch. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ResolvedOptions } from '../lib/index.js';
import { defaultLossFields, statsFields } from '../lib/loss/token-fields.js';
import { fromFailure } from '../lib/native/failure.js';
import * as names from '../lib/native/names.js';
import { DEFAULTS } from '../lib/options/defaults.js';
import { pythonWith, runPython } from './support/python.js';

const DUMP = `
import ctypes, json, lp_reg
def kind(t):
    if issubclass(t, ctypes.Structure): return t.__name__
    if issubclass(t, ctypes.Array): return f'char[{t._length_}]'
    if not isinstance(t._type_, str) or t._type_ in 'zPX': return 'pointer'
    return ('float' if t._type_ in 'fd' else 'int' if t._type_.islower() else 'uint') + str(8 * ctypes.sizeof(t))
structs = {name: [[field, kind(t)] for field, t in c._fields_] for name, c in vars(lp_reg).items()
           if isinstance(c, type) and issubclass(c, ctypes.Structure) and name[0] != '_' and name not in ('Api', 'Structure')}
print(json.dumps({name: getattr(lp_reg, name) for name in (
    'DEFAULTS', 'NUMBER_OPTIONS', 'WORD_OPTIONS', 'OBJECTIVES', 'PROXIES', 'FILTERS', 'FILTER_ON', 'FILTER_EMPTY',
    'TOKEN_FIELDS', 'METRIC_FIELDS', 'ARGUMENT_NAMES', 'ERROR_CODES', 'ABI_VERSION')} | {
    'structs': structs, 'table': [name for name, _ in lp_reg.Api._fields_],
    'outputs': {loss: lp_reg.default_outputs(loss, options) for loss, options in lp_reg.DEFAULTS.items()},
    'stats': {proxy: lp_reg._stats_fields(proxy, True) for proxy in lp_reg.PROXIES}}))
`;

const python = pythonWith('ctypes') as string;
const dumped = python === undefined ? undefined : runPython(python, ['-c', DUMP]);
const ours = dumped === undefined ? undefined : JSON.parse(dumped.stdout || 'null');
const reason = python === undefined ? ' (skipped: no python3)' : '';

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const snakeKeys = (table: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(table).map(([key, value]) => [snake(key), value ?? null]));

const header = readFileSync(join(import.meta.dirname, '../native/include/lpreg.h'), 'utf8')
  .replace(/\/\*[\s\S]*?\*\//g, '')
  .replace(/\s+/g, ' ');

const bodyOf = (struct: string) =>
  header.match(new RegExp(`typedef struct ${struct} \\{(.*?)\\} ${struct};`))?.[1] as string;

const C_TYPES: Readonly<Record<string, string>> = {
  size_t: 'uint64',
  int32_t: 'int32',
  int64_t: 'int64',
  uint32_t: 'uint32',
  uint64_t: 'uint64',
  double: 'float64',
  float: 'float32',
};

/** `[name, type]` of each field, in Python's words. */
function fieldsOf(struct: string): [string, string][] {
  return bodyOf(struct)
    .split(';')
    .filter((line) => line.trim() !== '')
    .flatMap((line) => {
      const [, type, list] = line.trim().match(/^((?:const )?(?:volatile )?\w+\s?\**)\s?(.*)$/) as string[];
      return (list as string).split(',').map((given): [string, string] => {
        const [, name, length] = given.trim().match(/^(\w+)(?:\[(\d+)\])?$/) as [string, string, string?];
        if (length !== undefined) return [name, `char[${length}]`];
        if ((type as string).includes('*')) return [name, 'pointer'];
        return [name, C_TYPES[(type as string).trim()] ?? pythonName((type as string).trim())];
      });
    });
}

function pythonName(struct: string): string {
  return struct === 'lpreg_loss_result'
    ? 'LossResultStruct'
    : struct.replace('lpreg_', '_').replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

const STRUCTS = [
  'error',
  'context_options',
  'context_info',
  'call',
  'scalar',
  'matrix',
  'snapshot',
  'row_options',
].concat(['loss_options', 'batch', 'token_outputs', 'loss_result', 'row_state', 'cuda_info', 'device_info']);

describe.skipIf(python === undefined)(`lp_reg.py beside TypeScript and lpreg.h${reason}`, () => {
  test('the file loads without PyTorch', () => {
    expect(dumped?.status, dumped?.stderr).toBe(0);
  });

  test('defaults are those of the TypeScript options, apart from the back end, which follows the tensors', () => {
    const expected = Object.entries(DEFAULTS).map(([loss, { backend, device, stagingBytes, ...options }]) => [
      loss,
      snakeKeys(options),
    ]);
    expect(ours.DEFAULTS).toStrictEqual(Object.fromEntries(expected));
  });

  test('names of options, results and metrics are those of TypeScript in snake_case', () => {
    expect(ours.NUMBER_OPTIONS).toStrictEqual(snakeKeys(names.NUMBER_OPTIONS));
    const words = Object.entries(names.WORD_OPTIONS).map(([name, { field, words }]) => [
      snake(name),
      [field, words],
    ]);
    expect(ours.WORD_OPTIONS).toStrictEqual(Object.fromEntries(words));
    expect(ours.TOKEN_FIELDS).toStrictEqual(snakeKeys(names.TOKEN_FIELDS));
    expect(ours.METRIC_FIELDS).toStrictEqual(snakeKeys(names.METRIC_FIELDS));
    const orders = [names.OBJECTIVE_ORDER, names.PROXY_ORDER, names.FILTER_ORDER, names.FILTER_ON_ORDER];
    expect([ours.OBJECTIVES, ours.PROXIES, ours.FILTERS, ours.FILTER_ON]).toStrictEqual(orders);
    expect(ours.FILTER_EMPTY).toStrictEqual(names.FILTER_EMPTY_ORDER);
  });

  test('a failure names its argument as TypeScript does, in snake_case', () => {
    for (const [theirs, name] of names.ARGUMENT_NAMES) {
      expect([theirs, ours.ARGUMENT_NAMES[theirs] ?? theirs]).toStrictEqual([theirs, snake(name)]);
    }
  });

  test('a status has the code that it has in TypeScript', () => {
    const failure = { argument: '', message: '', index: -1, outputStatus: 0 };
    for (const [status, code] of (ours.ERROR_CODES as string[]).entries()) {
      if (code === 'ERR_DEVICE') continue; // the addon has no device yet
      expect([status, code]).toStrictEqual([status, fromFailure({ ...failure, status }).code]);
    }
    expect(header.match(/LPREG_ERR_\w+ = \d+/g)).toHaveLength(ours.ERROR_CODES.length - 1);
  });

  test('default outputs are those of TypeScript', () => {
    for (const [loss, options] of Object.entries(DEFAULTS)) {
      const [objective, form] = loss.split(' ');
      const resolved = { objective, form, ...options } as unknown as ResolvedOptions;
      expect([loss, new Set(ours.outputs[loss])]).toStrictEqual([
        loss,
        new Set(defaultLossFields(resolved).map(snake)),
      ]);
    }
    for (const proxy of names.PROXY_ORDER) {
      expect(new Set(ours.stats[proxy])).toStrictEqual(new Set(statsFields(proxy, true).map(snake)));
    }
  });

  test.each(STRUCTS)('lpreg_%s has the same fields of the same types in the same order', (struct) => {
    const name = `lpreg_${struct}`;
    expect(ours.structs[pythonName(name)]).toStrictEqual(fieldsOf(name));
  });

  test('no struct is left out of this comparison', () => {
    const compared = STRUCTS.map((struct) => pythonName(`lpreg_${struct}`));
    expect(new Set(Object.keys(ours.structs))).toStrictEqual(new Set(compared));
  });

  test('the function table has the same entries in the same order, and the same version', () => {
    const entries = [...bodyOf('lpreg_api').matchAll(/\(\*(\w+)\)/g)].map(([, name]) => name);
    expect(ours.table).toStrictEqual(['abi_version', ...entries]);
    expect(header).toContain(`#define LPREG_ABI_VERSION ${ours.ABI_VERSION}u`);
  });
});
