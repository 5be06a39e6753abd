// Checks that includes and imports point down the layers of docs/architecture.md.
// Usage: node scripts/check-layers.mjs [root of a checkout]
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));

/** Layer of native/ -> the layers it may include, and which <headers> beyond the standard library. */
const NATIVE_LAYERS = {
  include: { layers: [], headers: [] },
  core: { layers: ['include'], headers: [] },
  cpu: { layers: ['include', 'core'], headers: ['isa', 'posix'] },
  cuda: { layers: ['include', 'core', 'emulation'], headers: ['cuda', 'posix'] },
  emulation: { layers: ['include', 'core', 'cuda'], headers: ['posix', 'sanitizer'] },
  engine: { layers: ['include', 'core', 'cpu', 'cuda'], headers: ['posix'] },
  addon: { layers: ['include'], headers: ['node', 'posix'] },
  tests: {
    layers: ['include', 'core', 'cpu', 'cuda', 'engine', 'emulation'],
    headers: ['posix', 'fuzzer', 'node'],
  },
};

/** Packages that lib/ may import, and the layers that may. */
const LIB_PACKAGES = { 'node-gyp-build': ['native'], '@tensorflow/tfjs-core': ['adapters/tfjs'] };

const HEADER_KINDS = {
  isa: /^(\w*mmintrin|immintrin|arm_neon|cpuid)\.h$/,
  posix: /^(sys\/\w+|linux\/\w+|unistd|sched|pthread|dlfcn|errno|fcntl|signal|ucontext)\.h$/,
  fuzzer: /^fuzzer\/FuzzedDataProvider\.h$/,
  sanitizer: /^sanitizer\/\w+\.h$/,
  cuda: /^(cuda|cooperative_groups)\w*(\/\w+)?(\.h)?$/,
  node: /^(napi|node_api|js_native_api|uv)\.h$/,
};
const STANDARD_HEADER =
  /^([a-z_]+|(assert|float|inttypes|limits|math|stdarg|stdbool|stddef|stdint|stdio|stdlib|string)\.h)$/;

/** Layer of lib/ -> the layers it may import. A file directly in lib/ and each adapter is a layer of its own. */
const LIB_LAYERS = {
  errors: [],
  tensors: ['errors'],
  options: ['errors', 'tensors'],
  native: ['errors', 'tensors', 'options'],
  loss: ['errors', 'tensors', 'options', 'native'],
  index: ['errors', 'tensors', 'options', 'native', 'loss'],
  bench: ['errors', 'tensors', 'options', 'native', 'loss'],
  cli: ['errors', 'tensors', 'options', 'native', 'loss', 'bench'],
  'adapters/surrogate': ['tensors', 'index'],
  'adapters/tfjs': ['errors', 'tensors', 'index'],
};
/** The only layers that know the binary and the package's version. */
const OUTSIDE_LIB = { '../binding.cjs': ['native'], '../package.json': ['native', 'cli'] };

const violations = [];

function report(file, line, message) {
  violations.push(`${relative(root, file)}:${line}: ${message}`);
}

function sourcesBelow(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesBelow(path, pattern);
    return pattern.test(entry.name) ? [path] : [];
  });
}

/** The text of a file with its comments blanked, so that an example in one is not taken for code. */
function codeOf(file) {
  const blank = (comment) => comment.replace(/[^\n]/g, ' ');
  return readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, blank)
    .replace(/(?<=^|\s)\/\/.*/gm, blank);
}

/** Every match of `pattern` in a file, as [first group that matched, line number]. */
function references(file, pattern) {
  const text = codeOf(file);
  return [...text.matchAll(pattern)].map((match) => [
    match.slice(1).find((group) => group !== undefined),
    text.slice(0, match.index).split('\n').length,
  ]);
}

function layerOf(folder, path) {
  const [first, second] = relative(folder, path).split('/');
  return first === 'adapters' ? `${first}/${second}` : first.replace(/(\.d)?\.m?[jt]s$/, '');
}

function checkInclude(folder, file, rule, [target, line]) {
  const name = target.slice(1, -1);
  if (target.startsWith('<')) {
    const allowed = STANDARD_HEADER.test(name) || rule.headers.some((kind) => HEADER_KINDS[kind].test(name));
    if (!allowed) report(file, line, `${layerOf(folder, file)} may not include ${target}`);
    return;
  }
  const found = [dirname(file), folder, join(folder, 'include')]
    .map((base) => join(base, name))
    .find(existsSync);
  if (!found) return report(file, line, `include of ${target}, which is not a file of native/`);
  const [from, to] = [layerOf(folder, file), layerOf(folder, found)];
  if (from !== to && !rule.layers.includes(to))
    report(file, line, `${from} may not include ${to} (${target})`);
}

function checkNative() {
  const folder = join(root, 'native');
  for (const file of sourcesBelow(folder, /\.(h|c|cpp|cu|cuh)$/)) {
    const rule = NATIVE_LAYERS[layerOf(folder, file)];
    if (!rule) {
      report(file, 1, `native/${layerOf(folder, file)} is not a layer`);
      continue;
    }
    for (const include of references(file, /^[ \t]*#[ \t]*include[ \t]*(<[^>]+>|"[^"]+")/gm)) {
      checkInclude(folder, file, rule, include);
    }
  }
}

function checkImport(folder, file, [target, line]) {
  const from = layerOf(folder, file);
  if (!target.startsWith('.')) {
    if (!target.startsWith('node:') && !LIB_PACKAGES[target]?.includes(from))
      report(file, line, `${from} may not import the package ${target}`);
    return;
  }
  const path = normalize(join(dirname(file), target));
  const outside = relative(folder, path);
  if (outside.startsWith('..')) {
    if (!OUTSIDE_LIB[outside]?.includes(from)) report(file, line, `${from} may not import ${target}`);
    return;
  }
  const to = layerOf(folder, path);
  if (from !== to && !LIB_LAYERS[from].includes(to))
    report(file, line, `${from} may not import ${to} (${target})`);
}

function checkLib() {
  const folder = join(root, 'lib');
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(?:'([^'\n]+)'|"([^"\n]+)")/g;
  for (const file of sourcesBelow(folder, /\.m?ts$/)) {
    if (!LIB_LAYERS[layerOf(folder, file)]) {
      report(file, 1, `lib/${layerOf(folder, file)} is not a layer`);
      continue;
    }
    for (const reference of references(file, pattern)) checkImport(folder, file, reference);
  }
}

checkNative();
checkLib();
for (const violation of violations) console.error(violation);
console.log(
  `check-layers: ${violations.length === 0 ? 'every reference points down' : `${violations.length} violations`}`,
);
process.exitCode = violations.length === 0 ? 0 : 1;
