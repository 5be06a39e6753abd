// node bench/package.mjs: how large are the prebuilds and the tarball, and what of the library takes how much?
// Reads prebuilds/ and the objects that `npm run prebuildify` left in build/prebuild/.
//   --json FILE    write the results
//   --write        put them between the marks of docs/releasing.md, in place of the table
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SIZE_BUDGETS, sectionSizes } from '../scripts/check-binaries.mjs';
import { packedPackage, TARBALL_BUDGET } from '../scripts/packed-package.mjs';
import { fill, markdownTable } from './report/markdown.mjs';
import { commitOf, thisCommand, writeResults } from './results-file.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

function firstLine(command, ...args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8' })
      .trim()
      .split('\n')
      .at(command === 'nvcc' ? -1 : 0);
  } catch {
    return null;
  }
}

/** Objects of the row kernels that a build of a platform left. */
function kernelObjects(platform) {
  const folder = join(root, 'build/prebuild', platform);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /^target_\w+\.cpp\.o$/.test(basename(path)))
    .map((path) => join(folder, path));
}

function bytesOf(file, pattern) {
  return sectionSizes(file)
    .filter(({ name }) => pattern.test(name))
    .reduce((sum, { bytes }) => sum + bytes, 0);
}

function measured(platform) {
  const folder = join(root, 'prebuilds', platform);
  const [library, addon] = ['liblpreg.so', 'lp-reg.glibc.node'].map((name) => join(folder, name));
  const rowKernels = kernelObjects(platform).reduce((sum, file) => sum + bytesOf(file, /^\.text/), 0);
  return {
    platform,
    library: statSync(library).size,
    addon: statSync(addon).size,
    gpuKernels: bytesOf(library, /^\.nv_fatbin$/),
    code: bytesOf(library, /^\.text$/),
    rowKernels,
  };
}

function table({ binaries, tarball }) {
  const number = (bytes) => bytes.toLocaleString('en-US');
  const head = [
    'platform',
    'library',
    'of it GPU kernels',
    'machine code of the CPU',
    'of that row kernels',
    'addon',
  ];
  const rows = binaries.map(({ platform, library, gpuKernels, code, rowKernels, addon }) => [
    platform,
    ...[library, gpuKernels, code, rowKernels, addon].map(number),
  ]);
  const budgets = `budgets: library ${number(SIZE_BUDGETS.library)}, addon ${number(SIZE_BUDGETS.addon)}, tarball ${number(TARBALL_BUDGET)}`;
  return `${markdownTable(head, rows)}\n\nThe tarball with them has ${number(tarball.bytes)} bytes; ${budgets}.`;
}

const { values } = parseArgs({ options: { json: { type: 'string' }, write: { type: 'boolean' } } });
const { size, files } = packedPackage();
const results = {
  tarball: { bytes: size, files: files.length },
  binaries: readdirSync(join(root, 'prebuilds')).sort().map(measured),
};
const tools = { compiler: firstLine('c++', '--version'), nvcc: firstLine('nvcc', '--version') };
const environment = { date: new Date().toISOString(), commit: commitOf(), ...tools };
console.log(table(results));
writeResults(values.json, { kind: 'package', command: thisCommand(), environment, results });
if (values.write) {
  const document = join(root, 'docs/releasing.md');
  writeFileSync(document, fill(readFileSync(document, 'utf8'), 'bench:package', table(results)));
}
