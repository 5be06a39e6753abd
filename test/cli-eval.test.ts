/** `lp-reg eval` on real files: what it writes, what it prints, and how it fails. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { readBatchFile } from '../lib/cli/batch-file.js';
import { evaluate as evaluateInProcess } from '../lib/cli/evaluation.js';
import { LpRegError } from '../lib/errors.js';
import { type BatchFileChanges, batchFolder, float32, writeBatchFile } from './support/batch-files.js';
import { type CliResult, lpReg, readTensors } from './support/cli.js';
import { decodeHalf, type HalfType } from './support/half.js';
import { type GradientType, vectorViolations } from './support/tolerance.js';
import { readVector, vectorNames, vectorPath } from './support/vectors.js';

const VECTORS = 44;

const folder = batchFolder();
afterAll(folder.remove);

/** Evaluates a file that is expected to be in order, and returns the path of the result. */
function evaluate(batch: string, ...options: string[]): { out: string; stdout: string } {
  const out = folder.next();
  const { status, stdout, stderr } = lpReg(['eval', batch, '--out', out, ...options]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return { out, stdout };
}

/** The result under the vectors' field names, 16-bit gradients widened. */
function resultFields(out: string): Record<string, ArrayLike<number>> {
  const halves: Record<string, HalfType> = { F16: 'f16', BF16: 'bf16' };
  const entries = Object.entries(readTensors(out)).map(([name, { dtype, data }]) => {
    const half = halves[dtype];
    return [name, half === undefined ? data : decodeHalf(data as Uint16Array, half)];
  });
  return Object.fromEntries(entries);
}

function expectFailure({ status, stdout, stderr }: CliResult, code: string, message: RegExp): void {
  expect(stderr).toMatch(new RegExp(`^lp-reg: ${code}: [^\\n]+\\n$`));
  expect(stderr).toMatch(message);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
}

describe('lp-reg eval on the golden vectors', () => {
  let compared = 0;

  it.each(vectorNames())('%s: the result file holds the expected fields and no others', (name) => {
    const vector = readVector(name);
    const { out } = evaluate(vectorPath(name));
    const fields = resultFields(out);
    expect(Object.keys(fields).sort()).toEqual(
      Object.keys(vector.expected)
        .filter((field) => field !== 'cov')
        .sort(),
    );
    expect(vectorViolations(vector, fields)).toEqual([]);
    compared++;
  });

  it.each([
    ['16_paper_linear_bf16', 'logits_bf16', 'float32', 'f32'],
    ['16_paper_linear_bf16', 'logits_bf16', 'bfloat16', 'bf16'],
    ['18_paper_f16_32003', 'logits_f16', 'float32', 'f32'],
    ['18_paper_f16_32003', 'logits_f16', 'float16', 'f16'],
    ['18_paper_f16_32003', 'logits', 'bfloat16', 'bf16'],
  ] as const)(
    '%s: %s with a %s gradient gives the expected result',
    (name, logits, dtype, type: GradientType) => {
      const { out } = evaluate(vectorPath(name), '--logits', logits, '--grad-dtype', dtype);
      expect(readTensors(out).grad?.dtype).toBe(type.toUpperCase());
      expect(vectorViolations(readVector(name), resultFields(out), type)).toEqual([]);
    },
  );

  it('every vector was compared', () => {
    expect(compared).toBe(VECTORS);
  });

  it('thread count changes no byte of the result', () => {
    const batch = vectorPath('32_real_stories260K_paper');
    const [one, ...others] = ['1', '2', '7'].map((threads) =>
      readFileSync(evaluate(batch, '--threads', threads).out),
    );
    for (const other of others) expect(one?.equals(other)).toBe(true);
  });
});

describe('lp-reg eval on files of other trainers', () => {
  const whole = { case: { loss: 'lp-reg-kept', filter: { mode: 'min-p', value: 0.02 } } };

  it('absent mask, int64 actions and boolean masks give what the plain file gives', () => {
    const mask = { dtype: 'U8' as const, shape: [2, 3], data: new Uint8Array(6).fill(1) };
    const actions = { dtype: 'I64' as const, shape: [2, 3], data: BigInt64Array.of(0n, 1n, 2n, 3n, 0n, 1n) };
    const variants = [
      { mask },
      { mask: null },
      { mask: { ...mask, dtype: 'BOOL' as const } },
      { mask, actions },
    ];
    const [plain, ...others] = variants.map((tensors) => {
      const { out } = evaluate(writeBatchFile(folder.next(), { ...whole, tensors }));
      return readFileSync(out);
    });
    for (const other of others) expect(plain?.equals(other)).toBe(true);
  });

  // In the second sequence the filter at 0.1 keeps both actions and drops others.
  const actions = { dtype: 'I32' as const, shape: [2, 3], data: Int32Array.of(0, 1, 2, 0, 2, 1) };
  const lively = { case: { loss: 'lp-reg-kept', filter: { mode: 'min-p', value: 0.1 } } };

  it('advantages per sequence give what the same advantages per token give', () => {
    const [perToken, perSequence] = [float32([1, 1, 1, -1, -1, -1], [2, 3]), float32([1, -1], [2])].map(
      (advantages) => {
        const { out, stdout } = evaluate(
          writeBatchFile(folder.next(), { ...lively, tensors: { actions, advantages } }),
          '--json',
        );
        return { result: readFileSync(out), protected: JSON.parse(stdout).protectedTokens };
      },
    );
    expect(perToken?.result.equals(perSequence?.result ?? Buffer.of())).toBe(true);
    expect(perToken?.protected).toEqual(perSequence?.protected);
    expect(perToken?.protected.length).toBe(2);
  });

  it('masked tokens are 0 in every field', () => {
    const tensors = readTensors(evaluate(writeBatchFile(folder.next(), whole)).out);
    for (const [name, { shape, data }] of Object.entries(tensors)) {
      if (name !== 'loss')
        expect([...data].slice(-(shape[2] ?? 1)).map(Number)).toEqual(new Array(shape[2] ?? 1).fill(0));
    }
  });

  it('an unused tensor is pointed out in text and in JSON', () => {
    const batch = writeBatchFile(folder.next(), { tensors: { rollout_weight: float32([1], [1]) } });
    expect(evaluate(batch).stdout).toContain('note: tensor "rollout_weight" is not used');
    expect(JSON.parse(evaluate(batch, '--json').stdout).notes).toEqual([
      'tensor "rollout_weight" is not used',
    ]);
  });
});

describe('summary of lp-reg eval', () => {
  it('real batch: objective, loss, metrics and the most protected tokens stand in it', () => {
    const { stdout } = evaluate(vectorPath('32_real_stories260K_paper'));
    for (const part of ['lp-reg-paper', 'loss  -0.351753', 'selectedCount', 'pullRatio'])
      expect(stdout).toContain(part);
    expect(stdout).toContain('most protected tokens (2 of 2 that Lp-Reg selected)');
  });

  it('batch without a selected token: the summary says that Lp-Reg is inactive', () => {
    expect(evaluate(vectorPath('29_paper_adv_nonneg')).stdout).toContain('Lp-Reg is inactive');
  });

  it('loss without Lp-Reg: no word of protected tokens', () => {
    expect(evaluate(vectorPath('00_grpo_clip')).stdout).not.toMatch(/protected|Lp-Reg/);
  });

  it('JSON: loss, metrics and protected tokens agree with the result file', () => {
    const name = '33_real_stories260K_reference';
    const { out, stdout } = evaluate(vectorPath(name), '--json', '--backend', 'cpu');
    const summary = JSON.parse(stdout);
    const { loss, coef_logp, selected, actions } = { ...readTensors(out), ...readTensors(vectorPath(name)) };
    expect(summary).toMatchObject({
      objective: 'lp-reg-reference',
      backend: 'cpu',
      shape: [4, 16, 512],
      loss: loss?.data[0],
      notes: [],
    });
    expect(summary.metrics.selectedCount).toBe(1);
    const [token] = summary.protectedTokens;
    const row = token.sequence * 16 + token.position;
    expect(selected?.data[row]).toBe(1);
    expect(token).toMatchObject({ action: actions?.data[row], coefLogProb: coef_logp?.data[row] });
    // k3 pulls the log-probability up: d loss / d logProb falls.
    expect(token.coefLogProb).toBeLessThan(token.coefLogProbWithout);
    expect(token.pull).toBeCloseTo(token.coefLogProbWithout - token.coefLogProb, 9);
  });

  it.each(['32_real_stories260K_paper', '33_real_stories260K_reference', '49_kept_stored_weights_t'])(
    '%s: protected tokens come strongest pull first, and their pulls make up the metric',
    (name) => {
      const { out, stdout } = evaluate(vectorPath(name), '--json');
      const { protectedTokens, metrics, shape } = JSON.parse(stdout);
      const pulls: number[] = protectedTokens.map(({ pull }: { pull: number }) => pull);
      expect(pulls).toEqual([...pulls].sort((a, b) => b - a));
      expect(pulls.length).toBe(metrics.selectedCount);

      // Policy term of the negative tokens: the coefficients, with the regularised ones replaced by those without.
      const policy = Float64Array.from(readTensors(out).coef_logp?.data ?? [], Number);
      for (const token of protectedTokens) {
        policy[token.sequence * shape[1] + token.position] = token.coefLogProbWithout;
      }
      const { advantages } = readVector(name);
      const sum = policy.reduce(
        (total, coef, row) => total + ((advantages[row] ?? 0) < 0 ? Math.abs(coef) : 0),
        0,
      );
      const pull = pulls.reduce((total, one) => total + one, 0);
      expect(Math.abs(pull / sum / metrics.pullRatio - 1)).toBeLessThan(1e-4);
    },
  );
});

describe('failures of lp-reg eval', () => {
  const failing: [string, BatchFileChanges, string, RegExp][] = [
    ['missing tensor', { tensors: { actions: null } }, 'ERR_FILE_FORMAT', /"actions"/],
    ['unknown hyper key', { case: { hyper: { clip: 1 } } }, 'ERR_FILE_FORMAT', /"hyper\.clip"/],
    ['temperature below 0', { case: { temperature: -1 } }, 'ERR_OPTION', /temperature/],
    ['dual clip below 1', { case: { hyper: { dual: 0.5 } } }, 'ERR_OPTION', /dualClip/],
    [
      'paper form with a stored proxy',
      {
        case: { loss: 'lp-reg-paper', filter: { source: 'stored' } },
        tensors: { stored_proxy_logp: float32(new Array(6).fill(-1), [2, 3]) },
      },
      'ERR_OPTION',
      /proxy/,
    ],
    [
      'mask element 2',
      { tensors: { mask: { dtype: 'U8', shape: [2, 3], data: new Uint8Array(6).fill(2) } } },
      'ERR_MASK',
      /mask/,
    ],
    [
      'action behind the vocabulary',
      { tensors: { actions: { dtype: 'I32', shape: [2, 3], data: new Int32Array(6).fill(4) } } },
      'ERR_ACTION_RANGE',
      /action/,
    ],
    [
      'advantage that is NaN',
      { tensors: { advantages: float32([Number.NaN, 0], [2]) } },
      'ERR_NON_FINITE_INPUT',
      /advantages/,
    ],
    [
      'logits that are NaN',
      { tensors: { logits: float32(new Array(24).fill(Number.NaN), [2, 3, 4]) } },
      'ERR_NON_FINITE_LOGITS',
      /logits/,
    ],
  ];

  it.each(failing)(
    '%s: one line on stderr, status 1, no result file',
    (_condition, changes, code, message) => {
      const out = folder.next();
      expectFailure(lpReg(['eval', writeBatchFile(folder.next(), changes), '--out', out]), code, message);
      expect(existsSync(out)).toBe(false);
    },
  );

  it('file that is no safetensors file is ERR_FILE_FORMAT', () => {
    const batch = folder.next();
    writeFileSync(batch, 'not a batch');
    expectFailure(lpReg(['eval', batch, '--out', folder.next()]), 'ERR_FILE_FORMAT', /header/);
  });

  it('cut file is ERR_FILE_FORMAT wherever it is cut', () => {
    const good = readFileSync(writeBatchFile(folder.next()));
    const batch = folder.next();
    for (const length of [0, 5, 8, 100, good.length - 200, good.length - 1]) {
      writeFileSync(batch, good.subarray(0, length));
      expectFailure(lpReg(['eval', batch, '--out', folder.next()]), 'ERR_FILE_FORMAT', /./);
    }
  });

  it('absent file is ERR_FILE_FORMAT with its path', () => {
    expectFailure(
      lpReg(['eval', '/absent/batch', '--out', folder.next()]),
      'ERR_FILE_FORMAT',
      /\/absent\/batch/,
    );
  });

  it('output in an absent folder is ERR_OPTION', () => {
    const out = join(folder.path, 'absent', 'result');
    expectFailure(lpReg(['eval', writeBatchFile(folder.next()), '--out', out]), 'ERR_OPTION', /absent/);
  });

  it('batch file as its own output is refused and left as it was', () => {
    const batch = writeBatchFile(folder.next());
    const before = readFileSync(batch);
    expectFailure(lpReg(['eval', batch, '--out', batch]), 'ERR_OPTION', /is the batch file itself/);
    expect(readFileSync(batch).equals(before)).toBe(true);
  });

  it('back end that is not there is ERR_BACKEND_UNAVAILABLE', () => {
    const { cuda } = JSON.parse(lpReg(['inspect', '--json']).stdout).backends;
    const result = lpReg(['eval', vectorPath('00_grpo_clip'), '--out', folder.next(), '--backend', 'cuda']);
    if (cuda.available) return expect(result.status).toBe(0);
    expectFailure(result, 'ERR_BACKEND_UNAVAILABLE', /backend: ./);
    expect(result.stderr).toContain(cuda.reason);
  });

  it('terminal control characters in a file do not reach the terminal', () => {
    const { stderr } = lpReg([
      'eval',
      writeBatchFile(folder.next(), { case: { hyper: { '\u001b[31m\n': 1 } } }),
      '--out',
      folder.next(),
    ]);
    expect(stderr.trimEnd()).not.toMatch(/\p{Cc}/u);
  });

  it('any changed byte of a batch gives a result or a typed error', () => {
    const changes = { case: { loss: 'lp-reg-kept', filter: { mode: 'min-p', value: 0.1 } } };
    const good = readFileSync(writeBatchFile(folder.next(), changes));
    const changed = folder.next();
    let results = 0;
    const check = (at: number, flip: number) => {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      writeFileSync(changed, bytes);
      try {
        evaluateInProcess(readBatchFile(changed), { backend: 'cpu' }, 'float32');
        results++;
      } catch (error) {
        expect(error).toBeInstanceOf(LpRegError);
        expect(error).not.toMatchObject({ code: 'ERR_INTERNAL' });
      }
    };
    fc.assert(fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), check), {
      numRuns: 1000,
    });
    expect(results).toBeGreaterThan(0);
  });
});
