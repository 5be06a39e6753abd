/** `lp-reg bench`: what a loss costs on this machine, against a copy of its logits. */
import { parseArgs } from 'node:util';
import { caseTable } from '../bench/case-table.js';
import { type BenchEnvironment, benchEnvironment } from '../bench/environment.js';
import { type Case, type CaseResult, measureCase } from '../bench/measure-case.js';
import { sampleOnce } from '../bench/race.js';
import { Workbench } from '../bench/workbench.js';
import { getThreads, setThreads } from '../native/context.js';
import type { TensorDtype } from '../tensors/tensor.js';
import { integerFrom, oneOf } from './usage.js';

const CASES = [
  { loss: 'grpo', form: 'in-place' },
  { loss: 'lp-reg-kept', form: 'in-place' },
  { loss: 'lp-reg', form: 'in-place' },
  { loss: 'lp-reg', form: 'forward' },
  { loss: 'lp-reg', form: 'token-stats' },
] as const;

const LENGTH = { minRounds: 5, maxRounds: 25, budget: 1000 };

interface Request {
  readonly rows: number;
  readonly vocab: number;
  readonly dtype: TensorDtype;
  readonly threads: number | undefined;
  readonly json: boolean;
}

/** Runs the command and returns what it prints. */
export function runBench(argv: readonly string[]): string {
  const request = readRequest(argv);
  if (request.threads !== undefined) setThreads(request.threads);
  const environment = benchEnvironment();
  const results = (['peaked', 'flat'] as const).flatMap((distribution) => measure(request, distribution));
  return request.json
    ? `${JSON.stringify({ environment, results }, null, 2)}\n`
    : describe(environment, results);
}

function readRequest(argv: readonly string[]): Request {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rows: { type: 'string', default: '64' },
      vocab: { type: 'string', default: '151936' },
      dtype: { type: 'string', default: 'float32' },
      threads: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    rows: integerFrom(1, '--rows', values.rows),
    vocab: integerFrom(1, '--vocab', values.vocab),
    dtype: oneOf('--dtype', ['float32', 'float16', 'bfloat16'], values.dtype),
    threads: values.threads === undefined ? undefined : integerFrom(1, '--threads', values.threads),
    json: values.json,
  };
}

function measure({ rows, vocab, dtype }: Request, distribution: Case['distribution']): CaseResult[] {
  const recipe = { shape: [1, rows, vocab], dtype, distribution, seed: 1 } as const;
  const workbench = new Workbench(recipe);
  return CASES.map((item) =>
    measureCase(workbench, { ...recipe, ...item }, getThreads(), LENGTH, sampleOnce),
  );
}

function describe(environment: BenchEnvironment, results: readonly CaseResult[]): string {
  const { cpu, instructionSet, threads, node, version, loadBefore } = environment;
  return [
    `lp-reg ${version} on ${cpu}, ${instructionSet}, ${threads} threads, node ${node}, load ${loadBefore}`,
    '',
    caseTable(results),
    'Medians. Ratios are to a copy of the logits by as many threads, and to negating them in place, timed in turns with the',
    'loss, with the quartiles of the rounds. GB/s counts each logit read and each gradient element written once.',
    '',
  ].join('\n');
}
