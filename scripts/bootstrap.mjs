// Makes a checkout ready to run: dependencies, native library, TypeScript. A step runs only if its inputs changed since
// it last succeeded. No dependencies, so that it works as the first command after a clone.
//   --no-install     build with the dependencies that are there (npm's own prepare step)
//   --dependencies   stop after the dependencies
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toolchainProblem } from './toolchain.mjs';

// The package itself runs from 20.17 on; the development tools want require(esm).
const MINIMUM_NODE = [20, 19];

const NATIVE = {
  name: 'native library',
  script: 'build:native',
  inputs: [
    'package.json',
    'CMakeLists.txt',
    'cmake',
    'native/include',
    'native/core',
    'native/cpu',
    'native/cuda',
    'native/engine',
    'native/addon',
  ],
  outputs: ['build/Release/liblpreg.so', 'build/Release/lp_reg.node'],
  stamp: 'build/native.inputs',
};
const TYPESCRIPT = {
  name: 'TypeScript',
  script: 'build:ts',
  inputs: ['tsconfig.json', 'lib'],
  outputs: ['dist/index.js', 'dist/index.mjs'],
  stamp: 'build/typescript.inputs',
};

function fail(message) {
  console.error(message);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  fail(`lp-reg is developed with Node ${MINIMUM_NODE.join('.')} or newer; this is ${process.version}.`);
}

function npm(...args) {
  const cli = process.env.npm_execpath?.endsWith('npm-cli.js') ? process.env.npm_execpath : undefined;
  const [command, prefix] = cli ? [process.execPath, [cli]] : ['npm', []];
  const { status } = spawnSync(command, [...prefix, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) fail(`lp-reg: npm ${args.join(' ')} failed; its messages stand above.`);
}

/** Whether node_modules holds what package-lock.json names, apart from packages of other platforms. */
function dependenciesAreInstalled() {
  const installedLock = 'node_modules/.package-lock.json';
  if (!existsSync(installedLock)) return false;
  const wanted = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true;
    return installed[path] ? installed[path].version === version : optional === true;
  });
}

function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(`${path}/${name}`));
}

function digest(inputs) {
  const hash = createHash('sha256');
  for (const file of ['package-lock.json', ...inputs].flatMap(filesBelow)) {
    hash.update(`${file}\0`).update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function isFresh({ inputs, outputs, stamp }) {
  return [...outputs, stamp].every(existsSync) && readFileSync(stamp, 'utf8') === digest(inputs);
}

function build(product) {
  console.log(`lp-reg: building the ${product.name}`);
  const inputs = digest(product.inputs);
  npm('run', '--silent', product.script);
  const missing = product.outputs.filter((file) => !existsSync(file));
  if (missing.length > 0)
    fail(`lp-reg: npm run ${product.script} succeeded without making ${missing.join(', ')}.`);
  mkdirSync(dirname(product.stamp), { recursive: true });
  writeFileSync(product.stamp, inputs);
}

function main(flags) {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  checkNode();
  if (!dependenciesAreInstalled()) {
    if (flags.includes('--no-install')) {
      return console.log('lp-reg: development dependencies are not installed, so nothing is built.');
    }
    console.log('lp-reg: installing the dependencies');
    // Without scripts: the builds below are this script's own, with their output visible.
    npm('ci', '--ignore-scripts');
  }
  if (flags.includes('--dependencies')) return;
  if (!isFresh(NATIVE)) {
    const problem = toolchainProblem();
    if (problem) fail(problem);
    build(NATIVE);
  }
  if (!isFresh(TYPESCRIPT)) build(TYPESCRIPT);
}

main(process.argv.slice(2));
