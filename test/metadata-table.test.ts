/** The table of batch-file names is held against the C ABI, the vectors and the page printed from it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LOSSES, METADATA } from '../lib/cli/metadata-table.js';
import { SafetensorsFile } from '../lib/cli/safetensors.js';
import { RESULTS, TENSORS } from '../lib/cli/tensor-table.js';
import { metadataMarkdown } from './support/metadata-markdown.js';

const root = join(import.meta.dirname, '..');
const header = readFileSync(join(root, 'native/include/lpreg.h'), 'utf8');

/** Field names of one struct in lpreg.h. */
function fieldsOf(struct: string): string[] {
  const body = new RegExp(`typedef struct ${struct} \\{(.*?)\\n\\} ${struct};`, 's').exec(header)?.[1];
  if (body === undefined) throw new Error(`lpreg.h has no struct ${struct}`);
  const declarations = body.replace(/\/\*.*?\*\//gs, '').split(';');
  return declarations
    .flatMap((declaration) =>
      declaration.split(',').map((part) => /(\w+)\s*(\[\d+\])?\s*$/.exec(part)?.[1] ?? ''),
    )
    .filter((name) => name !== '');
}

const lossFields = fieldsOf('lpreg_loss_options');
const rowFields = fieldsOf('lpreg_row_options');
const batchFields = fieldsOf('lpreg_batch');

describe('metadata table', () => {
  it('docs/metadata.md is the page printed from the table', async () => {
    await expect(metadataMarkdown()).toMatchFileSnapshot(join(root, 'docs/metadata.md'));
  });

  it('every C name in the table stands in lpreg.h', () => {
    for (const { cName } of Object.values(LOSSES)) expect(header).toMatch(new RegExp(`\\b${cName}\\b`));
    for (const { cField } of METADATA) {
      const [owner, field] = cField.includes('.') ? cField.split('.') : ['loss', cField];
      expect(owner === 'row' ? rowFields : owner === 'batch' ? batchFields : lossFields).toContain(field);
    }
    for (const { cField } of TENSORS) expect(batchFields).toContain(cField);
    for (const { cField } of RESULTS) expect(fieldsOf('lpreg_token_outputs')).toContain(cField);
  });

  it('every loss option of lpreg.h has a key, but for how errors are handled and the seed', () => {
    const covered = new Set(METADATA.map(({ cField }) => cField));
    const withoutKey = lossFields.filter((field) => !covered.has(field) && field !== 'row');
    expect(withoutKey.sort()).toEqual(['check_first', 'non_finite', 'objective', 'seed', 'struct_size']);
    expect(rowFields.filter((field) => !covered.has(`row.${field}`))).toEqual([]);
  });

  it('every objective of lpreg.h has a name', () => {
    const body = /typedef enum lpreg_objective \{(.*?)\}/s.exec(header)?.[1] ?? '';
    const names = [...body.matchAll(/LPREG_\w+/g)].map(([name]) => name);
    expect(
      Object.values(LOSSES)
        .map(({ cName }) => cName)
        .sort(),
    ).toEqual(names.sort());
  });

  it('no loss has one key twice', () => {
    const seen = METADATA.flatMap((row) => row.losses.map((loss) => `${loss} ${row.section}.${row.key}`));
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('the vectors hold no tensor outside of the table', () => {
    const folder = join(root, 'test/vectors');
    const known = [...TENSORS, ...RESULTS].map(({ name }) => name);
    for (const name of readdirSync(folder)) {
      const file = new SafetensorsFile(join(folder, name));
      const others = [...file.tensors.keys()]
        .map((tensor) => tensor.replace('exp.', ''))
        .filter((tensor) => !known.includes(tensor));
      // exp.cov shows how the candidates of Clip-Cov came about; it is not among the fields of §9.
      expect(['loss', 'grad', 'logits_bf16', 'logits_f16', 'cov']).toEqual(expect.arrayContaining(others));
      file.close();
    }
  });
});
