/** A batch file becomes options and a batch of the API: every key of docs/semantics.md §9 arrives, and nothing is lost in silence. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readBatchFile } from '../lib/cli/batch-file.js';
import { LOSSES, METADATA } from '../lib/cli/metadata-table.js';
import { LpRegError } from '../lib/errors.js';
import { DEFAULTS } from '../lib/options/defaults.js';
import type { PolicyLossOptions } from '../lib/options/option-types.js';
import { lossName, resolveOptions } from '../lib/options/resolve.js';
import {
  type BatchFileChanges,
  batchFolder,
  float32,
  smallTensors,
  writeBatchFile,
} from './support/batch-files.js';

const folder = batchFolder();
afterAll(folder.remove);

const read = (changes: BatchFileChanges = {}, logits?: string) =>
  readBatchFile(writeBatchFile(folder.next(), changes), logits);
const vector = (name: string) => readBatchFile(join(import.meta.dirname, 'vectors', `${name}.safetensors`));

function failure(changes: BatchFileChanges, logits?: string): LpRegError {
  try {
    read(changes, logits);
  } catch (error) {
    if (error instanceof LpRegError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const minP = { mode: 'min-p', value: 0.02, on: 'scaled', empty: 'argmax', source: 'current' };
const common = { temperature: 1, aggregation: 'token-mean', entropyCoef: 0, klRefCoef: 0 };
const plane = (value: number) => float32(new Array(6).fill(value), [2, 3]);

describe('options of a batch file', () => {
  /** Absent keys take the defaults of §9, which are written out here by hand. */
  const defaults: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ['grpo', {}, { objective: 'grpo', clipLow: 0.2, clipHigh: 0.2 }],
    ['kl-cov', {}, { objective: 'kl-cov', kPercent: 0.2, klCovCoef: 1 }],
    [
      'clip-cov',
      {},
      { objective: 'clip-cov', clipLow: 0.2, clipHigh: 0.2, clipCovRatio: 2e-4, covLow: 1, covHigh: 5 },
    ],
    ['80-20', {}, { objective: '80-20', clipLow: 0.2, clipHigh: 0.2, topFraction: 0.2 }],
    ['cispo', {}, { objective: 'cispo', clipLow: 0.2, clipHigh: 0.2 }],
    ['sapo', {}, { objective: 'sapo', tauPos: 1, tauNeg: 1.05 }],
    [
      'lp-reg-paper',
      { filter: minP },
      {
        objective: 'lp-reg',
        form: 'paper',
        clipLow: 1,
        clipHigh: 9,
        beta: 1,
        rho: 0.01,
        interpolation: 'linear',
        selectOn: 'current',
        proxy: 'current',
        filter: { kind: 'min-p', kappa: 0.02, on: 'scaled' },
      },
    ],
    [
      'lp-reg-reference',
      { filter: minP },
      {
        objective: 'lp-reg',
        form: 'reference',
        clipLow: 1,
        clipHigh: 9,
        beta: 1,
        rhoNeg: 0.01,
        rhoPos: 0,
        estimator: 'k3',
        selectOn: 'current',
        proxy: 'current',
        filter: { kind: 'min-p', kappa: 0.02, on: 'scaled' },
      },
    ],
    [
      'lp-reg-kept',
      { filter: minP },
      {
        objective: 'lp-reg',
        form: 'kept',
        clipLow: 1,
        clipHigh: 9,
        beta: 1,
        estimator: 'k3',
        proxy: 'current',
        filter: { kind: 'min-p', kappa: 0.02, on: 'scaled' },
      },
    ],
  ];

  it.each(defaults)('%s without hyper keys takes the defaults of §9', (loss, extra, expected) => {
    expect(read({ case: { loss, ...extra } }).options).toEqual({ ...common, ...expected });
  });

  it('gspo without hyper keys has its own clip range and no aggregation', () => {
    const { aggregation: _, ...rest } = common;
    expect(read({ case: { loss: 'gspo', agg: 'seq-mean-token-mean' } }).options).toEqual({
      ...rest,
      objective: 'gspo',
      clipLow: 3e-4,
      clipHigh: 4e-4,
    });
  });

  it('options of a bare file are the defaults of the API, but for the interpolation', () => {
    for (const [loss, { cName: _, ...kind }] of Object.entries(LOSSES)) {
      const filter = loss.startsWith('lp-reg') ? minP : null;
      const ofFile = resolveOptions(read({ case: { loss, filter } }).options);
      const ofApi = resolveOptions(kind as PolicyLossOptions);
      expect(ofFile).toEqual(loss === 'lp-reg-paper' ? { ...ofApi, interpolation: 'linear' } : ofApi);
    }
  });

  it('a loss has a key for each of its options, but for how errors are handled, the back end and the seed', () => {
    const withoutKey = ['nonFinite', 'checkFirst', 'backend', 'device', 'stagingBytes', 'seed'];
    for (const [loss, { cName: _, ...kind }] of Object.entries(LOSSES)) {
      const ofApi = Object.keys(DEFAULTS[lossName(kind)]).filter((name) => !withoutKey.includes(name));
      const rows = METADATA.filter((row) => row.losses.some((name) => name === loss));
      const ofTable = rows.map((row) => row.option.split('.')[0]).filter((name) => name !== 'batch');
      expect([...new Set(ofTable)].sort()).toEqual(ofApi.sort());
    }
  });

  it('every numeric hyper key of every loss arrives under its own option', () => {
    for (const loss of Object.keys(LOSSES)) {
      const rows = METADATA.filter(
        (row) =>
          row.section === 'hyper' && row.choices === undefined && row.losses.some((name) => name === loss),
      );
      const hyper = Object.fromEntries(rows.map((row, at) => [row.key, 0.125 + at]));
      const filter = loss.startsWith('lp-reg') ? minP : null;
      const { options, batch } = read({ case: { loss, hyper, filter } });
      const arrived = { ...options, ...batch } as unknown as Record<string, unknown>;
      for (const row of rows) expect(arrived[row.option.replace('batch.', '')]).toBe(hyper[row.key]);
    }
  });

  it('every choice is translated', () => {
    const paper = (hyper: object) => read({ case: { loss: 'lp-reg-paper', hyper, filter: minP } }).options;
    const kept = (hyper: object) => read({ case: { loss: 'lp-reg-kept', hyper, filter: minP } }).options;
    expect(paper({ interp: 'lower', select_on: 'old' })).toMatchObject({
      interpolation: 'lower',
      selectOn: 'old',
    });
    for (const [word, name] of [
      ['kl', 'k1'],
      ['abs', 'abs'],
      ['mse', 'k2'],
      ['low_var_kl', 'k3'],
    ]) {
      expect(kept({ estimator: word })).toMatchObject({ estimator: name });
      const extras = { kl_ref_coef: 0.5, kl_ref_type: word };
      expect(read({ case: { extras }, tensors: { ref_logp: plane(-1) } }).options).toMatchObject({
        klRefEstimator: name,
      });
    }
    for (const agg of [
      'token-mean',
      'seq-mean-token-sum',
      'seq-mean-token-mean',
      'seq-mean-token-sum-norm',
    ]) {
      expect(read({ case: { agg } }).options).toMatchObject({ aggregation: agg });
    }
  });

  it('temperature, softcap and extras arrive', () => {
    const changes = { case: { temperature: 0.7, softcap: 30, extras: { entropy_coef: 0.01 } } };
    expect(read(changes).options).toMatchObject({ temperature: 0.7, softcap: 30, entropyCoef: 0.01 });
  });

  it('null means absent, as Python writes it', () => {
    const hyper = { low: null, high: 0.28, dual: null };
    expect(read({ case: { hyper, softcap: null, filter: null, extras: null } }).options).toEqual({
      ...common,
      objective: 'grpo',
      clipLow: 0.2,
      clipHigh: 0.28,
    });
  });

  it('fixed filter carries tau and its answer to an empty set, min-p filter carries kappa alone', () => {
    const fixed = { mode: 'fixed', value: 0.3, on: 'raw', empty: 'uniform' };
    expect(read({ case: { loss: 'lp-reg-paper', filter: fixed } }).options).toMatchObject({
      filter: { kind: 'fixed', tau: 0.3, on: 'raw', empty: 'uniform' },
      proxy: 'current',
    });
  });

  it('stored proxy leaves the filter out', () => {
    const { options, batch } = vector('14_ref_stored_proxy_k1');
    expect(options).toMatchObject({ proxy: 'stored', estimator: 'k1', rhoNeg: 0.4, beta: 0.3 });
    expect(options).not.toHaveProperty('filter');
    expect(batch).toHaveProperty('proxyLogProbs');
    expect(batch).not.toHaveProperty('oldLogits');
  });

  it('given threshold goes into the batch, and a quantile next to it is pointed out', () => {
    const hyper = { prob_threshold: 0.05, rho: 0.2 };
    const { batch, notes } = read({ case: { loss: 'lp-reg-paper', hyper, filter: minP } });
    expect(batch).toMatchObject({ probThreshold: 0.05 });
    expect(notes).toEqual([expect.stringContaining('hyper.rho')]);
    expect(vector('45_paper_given_threshold')).toMatchObject({ batch: { probThreshold: 0.05 }, notes: [] });
  });

  it('reference KL type without a coefficient is pointed out and not passed on', () => {
    const { options, notes } = read({ case: { extras: { kl_ref_type: 'kl' } } });
    expect(options).not.toHaveProperty('klRefEstimator');
    expect(notes).toEqual([expect.stringContaining('kl_ref_type')]);
  });

  it('unknown top-level key is pointed out, provenance is not', () => {
    const changes = {
      case: { name: 'x', set: 'y', seed: 1, notes: '', expected: {}, trainer: 'z', temprature: 2 },
    };
    expect(read(changes).notes).toEqual([
      expect.stringContaining('trainer'),
      expect.stringContaining('temprature'),
    ]);
  });
});

describe('tensors of a batch file', () => {
  it('padded batch arrives with its shapes and types', () => {
    const tensors = smallTensors();
    expect(read()).toMatchObject({
      shape: [2, 3, 4],
      notes: [],
      batch: {
        logits: { data: tensors.logits?.data, dtype: 'float32', shape: [2, 3, 4] },
        actions: tensors.actions?.data,
        oldLogProbs: tensors.old_logp?.data,
        advantages: tensors.advantages?.data,
        mask: tensors.mask?.data,
      },
    });
  });

  it('mask may be absent, actions int64, advantages per sequence, mask boolean', () => {
    expect(read({ tensors: { mask: null } }).batch).not.toHaveProperty('mask');
    const actions = { dtype: 'I64' as const, shape: [2, 3], data: new BigInt64Array(6) };
    const mask = { dtype: 'BOOL' as const, shape: [2, 3], data: new Uint8Array(6) };
    const { batch } = read({ tensors: { actions, mask, advantages: float32([1, -1], [2]) } });
    expect(batch).toMatchObject({
      actions: actions.data,
      mask: mask.data,
      advantages: Float32Array.of(1, -1),
    });
  });

  it.each([
    ['F16', 'float16'],
    ['BF16', 'bfloat16'],
  ] as const)('another logits tensor can be named, here %s', (dtype, name) => {
    const other = { dtype, shape: [2, 3, 4], data: new Uint16Array(24).fill(0x3c00) };
    const { batch } = read({ tensors: { logits_16: other, logits: null } }, 'logits_16');
    expect(batch.logits).toEqual({ data: other.data, dtype: name, shape: [2, 3, 4] });
  });

  it('rollout weights are used on any loss where present', () => {
    for (const loss of ['grpo', 'gspo', 'kl-cov', 'clip-cov', '80-20', 'cispo', 'sapo']) {
      const { batch } = read({ case: { loss }, tensors: { rollout_weights: plane(2) } });
      expect(batch).toMatchObject({ rolloutWeights: new Float32Array(6).fill(2) });
    }
  });

  it('reference log-probs are read only where the KL coefficient is not 0', () => {
    const tensors = { ref_logp: plane(-1) };
    expect(read({ tensors }).batch).not.toHaveProperty('refLogProbs');
    expect(read({ tensors, case: { extras: { kl_ref_coef: 0.1 } } }).batch).toHaveProperty('refLogProbs');
  });

  it('chosen tokens are read for clip-cov only', () => {
    const tensors = { chosen: { dtype: 'U8' as const, shape: [2, 3], data: new Uint8Array(6) } };
    expect(read({ tensors }).batch).not.toHaveProperty('chosen');
    expect(read({ tensors, case: { loss: 'clip-cov' } }).batch).toHaveProperty('chosen');
  });

  it('old logits are read where the proxy comes from them', () => {
    expect(vector('33_real_stories260K_reference').batch).toHaveProperty('oldLogits');
    expect(vector('32_real_stories260K_paper').batch).not.toHaveProperty('oldLogits');
  });

  it('tensor under an unknown name is pointed out', () => {
    expect(read({ tensors: { masks: plane(1), 'exp.logp': plane(0) } }).notes).toEqual([
      'tensor "masks" is not used',
    ]);
  });
});

describe('batch files that do not say what they mean', () => {
  const lpReg = (changes: object) => ({ case: { loss: 'lp-reg-paper', filter: minP, ...changes } });
  const wrong: [string, BatchFileChanges, string, RegExp][] = [
    ['file without metadata', { caseText: null }, 'case', /no metadata "case"/],
    ['metadata that is not JSON', { caseText: '{' }, 'case', /not valid JSON/],
    ['metadata with NaN', { caseText: '{"loss":"grpo","temperature":NaN}' }, 'case', /not valid JSON/],
    ['metadata that is a list', { caseText: '[]' }, 'case', /not an object/],
    ['metadata with one key twice', { caseText: '{"loss":"grpo","loss":"sapo"}' }, 'loss', /twice/],
    ['no loss', { case: { loss: null } }, 'loss', /must be one of/],
    ['unknown loss', { case: { loss: 'ppo' } }, 'loss', /must be one of grpo/],
    ['loss named like a property of every object', { case: { loss: 'toString' } }, 'loss', /must be one of/],
    ['unknown hyper key', { case: { hyper: { clip: 0.2 } } }, 'hyper.clip', /not a known key/],
    [
      'hyper key __proto__',
      { caseText: '{"loss":"grpo","hyper":{"__proto__":1}}' },
      'hyper.__proto__',
      /not a known key/,
    ],
    [
      'hyper key of another loss',
      { case: { hyper: { rho: 0.1 } } },
      'hyper.rho',
      /no effect on the loss "grpo"/,
    ],
    ['clip range on kl-cov', { case: { loss: 'kl-cov', hyper: { low: 0.2 } } }, 'hyper.low', /no effect/],
    ['unknown extras key', { case: { extras: { entropy: 1 } } }, 'extras.entropy', /not a known key/],
    ['unknown filter key', lpReg({ filter: { ...minP, kappa: 1 } }), 'filter.kappa', /not a known key/],
    ['filter on a loss without one', { case: { filter: minP } }, 'filter.mode', /no effect/],
    ['Lp-Reg without a filter', lpReg({ filter: null }), 'filter.mode', /needs a filter/],
    ['filter without a value', lpReg({ filter: { mode: 'min-p' } }), 'filter.value', /missing/],
    [
      'unknown filter mode',
      lpReg({ filter: { ...minP, mode: 'top-k' } }),
      'filter.mode',
      /must be one of min-p, fixed/,
    ],
    [
      'unknown proxy source',
      lpReg({ filter: { ...minP, source: 'reference' } }),
      'filter.source',
      /must be one of/,
    ],
    ['hyper that is a number', { case: { hyper: 1 } }, 'hyper', /not an object/],
    ['hyper value that is a string', { case: { hyper: { low: '0.2' } } }, 'hyper.low', /must be a number/],
    [
      'hyper choice that is a number',
      lpReg({ hyper: { interp: 1 } }),
      'hyper.interp',
      /must be one of lower, linear/,
    ],
    ['unknown aggregation', { case: { agg: 'mean' } }, 'agg', /must be one of/],
    [
      'gspo with another aggregation',
      { case: { loss: 'gspo', agg: 'token-mean' } },
      'agg',
      /must be "seq-mean-token-mean"/,
    ],
    ['another epsilon', { case: { agg_eps: 1e-6 } }, 'agg_eps', /must be 1e-8/],
    ['another KL bound', { case: { kl_bound: 20 } }, 'kl_bound', /must be 10/],
    ['stated size that the logits contradict', { case: { V: 5 } }, 'V', /is 5, but tensor "logits" says 4/],
    ['stated size that is a fraction', { case: { B: 1.5 } }, 'B', /not an integer/],
    ['missing logits', { tensors: { logits: null } }, 'logits', /no tensor "logits"/],
    ['missing actions', { tensors: { actions: null } }, 'actions', /no tensor/],
    ['missing old log-probs', { tensors: { old_logp: null } }, 'old_logp', /no tensor/],
    ['missing advantages', { tensors: { advantages: null } }, 'advantages', /no tensor/],
    ['missing reference log-probs', { case: { extras: { kl_ref_coef: 1 } } }, 'ref_logp', /no tensor/],
    ['missing old logits', lpReg({ filter: { ...minP, source: 'old' } }), 'old_logits', /no tensor/],
    [
      'missing stored proxies',
      { case: { loss: 'lp-reg-kept', filter: { source: 'stored' } } },
      'stored_proxy_logp',
      /no tensor/,
    ],
    [
      'float64 old log-probs',
      { tensors: { old_logp: { dtype: 'F64', shape: [2, 3], data: new Float64Array(6) } } },
      'old_logp',
      /must be F32/,
    ],
    ['float mask', { tensors: { mask: plane(1) } }, 'mask', /must be U8 or BOOL/],
    [
      'integer logits',
      { tensors: { logits: { dtype: 'I32', shape: [2, 3, 4], data: new Int32Array(24) } } },
      'logits',
      /must be F32 or F16 or BF16/,
    ],
    [
      'flat logits',
      { tensors: { logits: float32(new Array(24).fill(0), [6, 4]) } },
      'logits',
      /must be \[B, T, V\]/,
    ],
    [
      'transposed log-probs',
      { tensors: { old_logp: float32(new Array(6).fill(0), [3, 2]) } },
      'old_logp',
      /must be \[B, T\] = \[2, 3\]/,
    ],
    [
      'advantages per token of another batch',
      { tensors: { advantages: float32([1, 2, 3], [3]) } },
      'advantages',
      /\[2, 3\] or \[2\]/,
    ],
  ];

  it.each(wrong)('%s is ERR_FILE_FORMAT with its name', (_condition, changes, argument, message) => {
    const error = failure(changes);
    expect(error.code).toBe('ERR_FILE_FORMAT');
    expect(error.argument).toBe(argument);
    expect(error.message).toMatch(message);
  });

  it('logits tensor that the file lacks is named', () => {
    expect(failure({}, 'logits_bf16')).toMatchObject({ code: 'ERR_FILE_FORMAT', argument: 'logits_bf16' });
  });
});
