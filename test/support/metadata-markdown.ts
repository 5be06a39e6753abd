/** Prints docs/metadata.md from the tables in lib/cli/metadata-table.ts and lib/cli/tensor-table.ts. */
import {
  FIXED_CONSTANTS,
  LOSSES,
  METADATA,
  type MetadataRow,
  PROVENANCE_KEYS,
} from '../../lib/cli/metadata-table.js';
import { RESULTS, TENSORS } from '../../lib/cli/tensor-table.js';

const code = (text: string | number) => `\`${text}\``;
const codes = (items: readonly (string | number)[]) => items.map(code).join(', ');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function lossList(row: MetadataRow): string {
  const all = Object.keys(LOSSES);
  const without = all.filter((loss) => !row.losses.some((name) => name === loss));
  if (without.length === 0) return 'all';
  return row.losses.length > all.length / 2 ? `all but ${codes(without)}` : codes(row.losses);
}

function choiceList({ choices }: MetadataRow): string {
  if (choices === undefined) return 'number';
  return Object.entries(choices)
    .map(([word, name]) => (word === name ? code(word) : `${code(word)} = ${code(name)}`))
    .join(', ');
}

/** The whole page. */
export function metadataMarkdown(): string {
  return `# Batch files

\`lp-reg eval\` reads a batch from one safetensors file and writes the result to another. This page is printed from
\`lib/cli/metadata-table.ts\` and \`tensor-table.ts\` by their test (\`npx vitest run test/metadata-table.test.ts --update\`).

The metadata entry \`case\` holds JSON: \`loss\`, optionally the sizes \`B\`, \`T\`, \`V\`, and the keys below. A key
that is absent or \`null\` takes its default. An unknown key in \`hyper\`, \`extras\` or \`filter\`, or one that the loss
ignores, is an error (\`ERR_FILE_FORMAT\`). Top-level keys that only describe the file are ${codes(PROVENANCE_KEYS)};
${Object.entries(FIXED_CONSTANTS)
  .map(([key, value]) => `\`${key}\` may be stated and must be \`${value}\``)
  .join(', ')}.

## Losses

${table(
  ['`loss`', 'TypeScript', 'C'],
  Object.entries(LOSSES).map(([name, loss]) => [
    code(name),
    code(`objective: '${loss.objective}'${'form' in loss ? `, form: '${loss.form}'` : ''}`),
    code(loss.cName),
  ]),
)}

## Keys

${table(
  ['key', 'losses', 'TypeScript', 'C', 'values', 'default'],
  METADATA.map((row) => [
    code(row.section === 'case' ? row.key : `${row.section}.${row.key}`),
    lossList(row),
    row.option.split(' | ').map(code).join(' | '),
    code(row.cField),
    choiceList(row),
    row.default === undefined ? 'none' : code(row.default),
  ]),
)}

Lp-Reg losses need \`filter.mode\` and \`filter.value\`, but for \`filter.source\` = \`stored\`, where the rest of \`filter\`
describes how the stored values were computed and changes nothing. \`filter.empty\` acts in \`fixed\` filters only.
\`hyper.interp\` is the one key whose default differs from the API's, which is \`lower\`. \`gspo\` always averages by
\`seq-mean-token-mean\`.

## Input tensors

${table(
  ['tensor', 'TypeScript', 'C', 'dtype', 'shape', 'read'],
  TENSORS.map((row) => [
    code(row.name),
    code(row.field),
    code(row.cField),
    row.dtypes.join(', '),
    row.shape,
    row.when,
  ]),
)}

## Result tensors

\`loss\` F64 [1], \`grad\` [B, T, V] (F32, or as \`--grad-dtype\` says), and per token, [B, T], 0 where masked, those that
apply to the loss:

${table(
  ['tensor', 'TypeScript', 'C', 'dtype'],
  RESULTS.map((row) => [code(row.name), code(`tokens.${row.field}`), code(row.cField), row.dtype]),
)}
`;
}
