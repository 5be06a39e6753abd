/** `lp-reg eval`: a batch dumped by a trainer in, its loss, gradient and per-token fields out. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { LpRegError } from '../errors.js';
import { getThreads, type Placement, setThreads } from '../native/context.js';
import { readBatchFile } from './batch-file.js';
import { evaluate } from './evaluation.js';
import { writeResultFile } from './result-file.js';
import { summaryJson, summaryText } from './summary.js';
import { integerFrom, oneOf, UsageError } from './usage.js';

/** Runs the command and returns what it prints. */
export function runEval(argv: readonly string[]): string {
  const request = readRequest(argv);
  checkOutput(request.out, request.batch);
  if (request.threads !== undefined) setThreads(request.threads);
  const file = readBatchFile(request.batch, request.logits);
  const evaluation = evaluate(file, request.placement, request.gradDtype);
  writeResultFile(request.out, file, evaluation);
  const subject = { ...request, threads: getThreads(), file, evaluation };
  return request.json ? summaryJson(subject) : summaryText(subject);
}

function readRequest(argv: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      backend: { type: 'string', default: 'auto' },
      device: { type: 'string' },
      logits: { type: 'string', default: 'logits' },
      'grad-dtype': { type: 'string', default: 'float32' },
      threads: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const [batch, ...others] = positionals;
  if (batch === undefined) throw new UsageError('eval: the batch file is missing');
  if (others.length > 0) throw new UsageError(`eval: one batch file at a time, not also '${others[0]}'`);
  if (values.out === undefined) throw new UsageError('eval: --out is missing');
  return {
    batch,
    out: values.out,
    placement: readPlacement(values.backend, values.device),
    logits: values.logits,
    gradDtype: oneOf('--grad-dtype', ['float32', 'float16', 'bfloat16'], values['grad-dtype']),
    threads: values.threads === undefined ? undefined : integerFrom(1, '--threads', values.threads),
    json: values.json,
  };
}

function readPlacement(backend: string, device: string | undefined): Placement {
  const placement = { backend: oneOf('--backend', ['auto', 'cpu', 'cuda'], backend) };
  if (device === undefined) return placement;
  if (placement.backend !== 'cuda') throw new UsageError('--device has no effect without --backend cuda');
  return { ...placement, device: integerFrom(0, '--device', device) };
}

/** Finds out before the work, not after it, that its result has nowhere to go. */
function checkOutput(out: string, batch: string): void {
  try {
    accessSync(dirname(out), constants.W_OK);
  } catch (cause) {
    throw new LpRegError('ERR_OPTION', `cannot write ${out}: ${(cause as Error).message}`, {
      argument: 'out',
      cause,
    });
  }
  const [target, source] = [out, batch].map((path) => statSync(path, { throwIfNoEntry: false }));
  if (target !== undefined && target.ino === source?.ino && target.dev === source.dev) {
    throw new LpRegError('ERR_OPTION', `--out ${out} is the batch file itself`, { argument: 'out' });
  }
}
