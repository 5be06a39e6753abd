// Checks what npm would publish: its size, that what people and builds need is in it, and that nothing else is.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packedPackage, TARBALL_BUDGET } from './packed-package.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const REQUIRED = [
  'LICENSE',
  'README.md',
  'SECURITY.md',
  'binding.cjs',
  'bin/lp-reg.js',
  'dist/adapters/surrogate/index.mjs',
  'dist/adapters/tfjs/index.mjs',
  'dist/index.d.mts',
  'dist/index.d.ts',
  'dist/index.js',
  'dist/index.mjs',
  'docs/errors.md',
  'docs/install.md',
  'native/include/lpreg.h',
  'python/lp_reg.py',
  'python/lp_reg_shards.py',
  'scripts/compile.mjs',
];

/** Every file has to match one; a source build from the tarball is tested elsewhere. */
const ALLOWED = [
  /^(CHANGELOG|README|SECURITY)\.md$|^LICENSE$|^package\.json$/,
  /^CMakeLists\.txt$|^binding\.cjs$|^bin\/lp-reg\.js$/,
  /^cmake\/(addon|compile-options|cuda|library)\.cmake$/,
  /^dist\/([\w-]+\/)*[\w-]+\.(d\.)?m?[jt]s$/,
  /^docs\/(autodiff|data-parallel|errors|install|metadata|python|semantics|tensorflow|trainers)\.md$/,
  /^native\/(addon|core|cpu|cuda|engine|include)\/([\w-]+\/)*[\w-]+\.(h|cpp|cu|cuh)$/,
  /^prebuilds\/(linux|darwin)-(x64|arm64)\/(lp-reg\.glibc\.node|liblpreg\.so)$/,
  /^python\/lp_reg(_shards)?\.py$/,
  /^scripts\/(compile|toolchain)\.mjs$/,
];

const { files, size } = packedPackage();
const paths = files.map(({ path }) => path);
const { repository } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));

const problems = [
  ...REQUIRED.filter((path) => !paths.includes(path)).map((path) => `${path} is missing`),
  ...paths
    .filter((path) => !ALLOWED.some((pattern) => pattern.test(path)))
    .map((path) => `${path} does not belong in the package`),
  ...(size < TARBALL_BUDGET ? [] : [`the tarball has ${size} bytes; the budget is ${TARBALL_BUDGET}`]),
];
const prebuilds = new Set(paths.flatMap((path) => path.match(/^prebuilds\/([^/]+)/)?.[1] ?? []));
if (process.argv.includes('--release')) {
  if (!prebuilds.has('linux-x64')) problems.push('the prebuild of linux-x64 is missing');
  if (repository === undefined) problems.push('package.json names no repository, which provenance needs');
}
for (const problem of problems) console.error(`check-tarball: ${problem}`);
const contents = `${paths.length} files, prebuilds of ${[...prebuilds].join(', ') || 'no platform'}`;
console.log(`check-tarball: ${size} bytes, ${contents}: ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
