// Checks the built binaries from their symbol tables: what they export, what they need of the system, that nothing in
// them switches the process to flush-to-zero, their size; of prebuilds also stripping. Reads ELF files of any machine.
// Usage: node scripts/check-binaries.mjs   checks build/Release and every folder of prebuilds/ that is there
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const EXPORTS = {
  library: ['lpreg_get_api'],
  addon: ['napi_register_module_v1', 'node_api_module_get_api_version_v1'],
};

/** The newest version of each system library's symbols that a binary may need. docs/install.md states the same. */
export const FLOOR = { GLIBC: '2.34', GCC: '4.2.0' };

/** Libraries that every glibc system with Node has. That of C++ is part of the binaries. */
const SYSTEM_LIBRARIES =
  /^(libgcc_s\.so\.1|lib(c|m)\.so\.6|libpthread\.so\.0|libdl\.so\.2|librt\.so\.1|ld-linux[\w-]*\.so\.\d)$/;

const NODE_API = 8;

/** Of a release, in bytes. */
export const SIZE_BUDGETS = { library: 3_000_000, addon: 400_000 };

/**
 * Of the library without its GPU kernels, which every build has alike, whatever GPUs it is for. A release's kernels take
 * the rest of its budget.
 */
const HOST_BUDGET = 1_480_000;

function readelf(file, ...options) {
  return execFileSync('readelf', ['--wide', ...options, file], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  }).split('\n');
}

/** Sections that a process loads from a file, which are also those that stripping leaves, as { name, bytes }. */
export function sectionSizes(file) {
  return readelf(file, '--sections').flatMap((line) => {
    const [, name, type, size, flags] =
      line.match(/^ *\[ *\d+\] (\S+) +(\S+) +\w+ \w+ (\w+) \w+ +(\w*) /) ?? [];
    if (name === undefined || type === 'NOBITS' || !flags.includes('A')) return [];
    return [{ name, bytes: Number.parseInt(size, 16) }];
  });
}

/** Symbols that the dynamic linker sees, as { name, version, defined }. */
function dynamicSymbols(file) {
  return readelf(file, '--dyn-syms').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    if (!/^\d+:$/.test(fields[0]) || fields[4] === 'LOCAL' || fields[7] === undefined) return [];
    const [name, version] = fields[7].split(/@+/);
    return [{ name, version, defined: fields[6] !== 'UND' }];
  });
}

function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  const at = left.findIndex((part, index) => part !== (right[index] ?? 0));
  return at < 0 ? 0 : left[at] - (right[at] ?? 0);
}

/** The newest version needed of each system library, such as { GLIBC: '2.34' }. */
export function neededVersions(symbols) {
  const newest = {};
  for (const { version, defined } of symbols) {
    const match = defined ? null : version?.match(/^([A-Z]+)_([\d.]+)$/);
    if (!match) continue;
    const [, library, number] = match;
    if (newest[library] === undefined || compareVersions(number, newest[library]) > 0)
      newest[library] = number;
  }
  return newest;
}

function exportProblems(kind, symbols) {
  const found = symbols.filter(({ defined }) => defined).map((symbol) => symbol.name);
  const [exported, expected] = [found.sort().join(', '), EXPORTS[kind].join(', ')];
  return exported === expected ? [] : [`exports ${exported}; expected ${expected}`];
}

function floorProblems(symbols) {
  return Object.entries(neededVersions(symbols)).flatMap(([library, version]) => {
    const floor = FLOOR[library];
    if (floor !== undefined && compareVersions(version, floor) <= 0) return [];
    const needing = symbols
      .filter((symbol) => symbol.version === `${library}_${version}`)
      .map(({ name }) => name);
    return [`needs ${library}_${version} (${needing.join(', ')}); the floor is ${floor ?? 'none of it'}`];
  });
}

function libraryProblems(file) {
  return readelf(file, '--dynamic').flatMap((line) => {
    const [, tag, value] = line.match(/\((NEEDED|RPATH|RUNPATH)\).*\[(.*)\]/) ?? [];
    if (tag === undefined) return [];
    if (tag !== 'NEEDED') return [`has a ${tag}: ${value}`];
    return SYSTEM_LIBRARIES.test(value) ? [] : [`needs ${value}`];
  });
}

function nodeApiProblems(kind, symbols) {
  if (kind !== 'addon') return [];
  const { symbols: known } = createRequire(import.meta.url)('node-api-headers');
  const { js_native_api_symbols: js, node_api_symbols: node } = known[`v${NODE_API}`];
  const allowed = new Set([...js, ...node]);
  const newer = symbols.filter((symbol) => /^(napi|node_api)_/.test(symbol.name) && !symbol.defined);
  return newer
    .filter((symbol) => !allowed.has(symbol.name))
    .map((symbol) => `needs ${symbol.name}, newer than Node-API 8`);
}

/** crtfastmath's constructor, linked in by -ffast-math; only a file that is not stripped shows it. */
function fastMathProblems(file) {
  return readelf(file, '--syms').some((line) => line.endsWith(' set_fast_math'))
    ? ['contains crtfastmath']
    : [];
}

function hostProblems(kind, file) {
  if (kind !== 'library') return [];
  const host = sectionSizes(file).filter(({ name }) => name !== '.nv_fatbin');
  const size = host.reduce((sum, { bytes }) => sum + bytes, 0);
  return size < HOST_BUDGET ? [] : [`has ${size} bytes beside its GPU kernels; the budget is ${HOST_BUDGET}`];
}

function releaseProblems(kind, file) {
  const size = statSync(file).size;
  const budget = SIZE_BUDGETS[kind];
  const problems = size < budget ? [] : [`has ${size} bytes; the budget is ${budget}`];
  if (readelf(file, '--sections').some((line) => / \.symtab /.test(line))) problems.push('is not stripped');
  return problems;
}

function problemsOf(kind, file, isRelease) {
  if (!existsSync(file)) return ['is missing'];
  const symbols = dynamicSymbols(file);
  return [
    ...exportProblems(kind, symbols),
    ...floorProblems(symbols),
    ...libraryProblems(file),
    ...nodeApiProblems(kind, symbols),
    ...fastMathProblems(file),
    ...hostProblems(kind, file),
    ...(isRelease ? releaseProblems(kind, file) : []),
  ];
}

function describe(file) {
  const needed = Object.entries(neededVersions(dynamicSymbols(file))).map(
    ([name, version]) => `${name} ${version}`,
  );
  return `${statSync(file).size} bytes, needs ${needed.join(', ')}`;
}

/** Prints what is wrong with the binaries of a folder, or what they need; true if nothing is wrong. */
export function checkFolder(folder, { isRelease }) {
  let passed = true;
  const names = { library: 'liblpreg.so', addon: isRelease ? 'lp-reg.glibc.node' : 'lp_reg.node' };
  for (const [kind, name] of Object.entries(names)) {
    const file = join(folder, name);
    const problems = problemsOf(kind, file, isRelease);
    for (const problem of problems) console.error(`check-binaries: ${file} ${problem}`);
    if (problems.length === 0) console.log(`check-binaries: ${file}: ${describe(file)}`);
    passed &&= problems.length === 0;
  }
  return passed;
}

function main() {
  const prebuilds = join(root, 'prebuilds');
  const platforms = existsSync(prebuilds) ? readdirSync(prebuilds) : [];
  const results = [
    checkFolder(join(root, 'build/Release'), { isRelease: false }),
    ...platforms.map((platform) => checkFolder(join(prebuilds, platform), { isRelease: true })),
  ];
  process.exitCode = results.every(Boolean) ? 0 : 1;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main();
