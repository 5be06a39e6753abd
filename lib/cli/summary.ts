/** What `lp-reg eval` prints. */
import type { BatchFile } from './batch-file.js';
import type { Evaluation, ProtectedToken } from './evaluation.js';

/** An evaluation and what was asked for. */
export interface SummarySubject {
  readonly batch: string;
  readonly out: string;
  /** Name of the logits tensor. */
  readonly logits: string;
  readonly threads: number;
  readonly file: BatchFile;
  readonly evaluation: Evaluation;
}

/** Longest table of tokens that is printed as text. */
const TABLE_ROWS = 10;

/** The summary as JSON, for scripts. Values that are not finite, such as metrics that do not apply, are null. */
export function summaryJson({ file, evaluation, ...request }: SummarySubject): string {
  const { loss, metrics, backend, device, instructionSet, protectedTokens } = evaluation;
  const summary = {
    batch: request.batch,
    out: request.out,
    objective: file.loss,
    shape: file.shape,
    logits: request.logits,
    backend,
    device,
    instructionSet,
    threads: request.threads,
    loss,
    metrics,
    protectedTokens,
    notes: file.notes,
  };
  return `${JSON.stringify(summary, null, 2)}\n`;
}

/** The summary for a person. */
export function summaryText({ file, evaluation, ...request }: SummarySubject): string {
  const { loss, metrics, backend, device, instructionSet, protectedTokens } = evaluation;
  const { dtype, shape } = file.batch.logits;
  const blocks = [
    table([
      ['batch', request.batch],
      ['objective', file.loss],
      ['logits', `${request.logits}: ${dtype} [${shape.join(', ')}], ${metrics.validCount} valid tokens`],
      ['computed by', `${backend} (${device ?? instructionSet}, ${request.threads} threads)`],
      ['result', request.out],
    ]),
    table([['loss', number(loss)]]),
    table(
      Object.entries(metrics)
        .filter(([, value]) => !Number.isNaN(value))
        .map(([name, value]) => [name, number(value)]),
    ),
    ...(protectedTokens === undefined ? [] : [protectedText(protectedTokens)]),
    ...file.notes.map((note) => `note: ${note}`),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function protectedText(tokens: readonly ProtectedToken[]): string {
  if (tokens.length === 0) return 'Lp-Reg is inactive on this batch: it selected no token.';
  const head = [
    'b',
    't',
    'action',
    'advantage',
    'logProb',
    'proxyLogProb',
    'coef without',
    'coef with',
    'coef KL',
    'pull',
  ];
  const rows = tokens
    .slice(0, TABLE_ROWS)
    .map((token) => [
      String(token.sequence),
      String(token.position),
      String(token.action),
      number(token.advantage, 4),
      number(token.logProb, 4),
      number(token.proxyLogProb, 4),
      number(token.coefLogProbWithout, 4),
      number(token.coefLogProb, 4),
      number(token.coefKl, 4),
      number(token.pull, 4),
    ]);
  return [
    `most protected tokens (${rows.length} of ${tokens.length} that Lp-Reg selected)`,
    table([head, ...rows], 'right'),
    'coef: d loss / d logProb without (beta = 0) and with the regulariser; coef KL: d loss / d KL(q|p)',
  ].join('\n');
}

function number(value: number, digits = 6): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(digits)));
}

/** Lines of columns that are as wide as their widest cell. */
function table(rows: readonly (readonly string[])[], align: 'left' | 'right' = 'left'): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) =>
      align === 'left' ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
  return rows.map((row) => line(row).join('  ').trimEnd()).join('\n');
}
