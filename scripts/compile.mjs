// Compiles the native part of the package this script belongs to, with the tools that are there and nothing else:
// `lp-reg build` and node-gyp (binding.gyp, in a checkout; by prebuildify for a release) end here. No dependencies.
//   --cuda        with the CUDA back end, for the architectures in CUDAARCHS
//   --if-needed   nothing where the package loads as it is
//   --output      the folder for the binaries, in place of build/Release; what is made there is not loaded
//   --verbose     every line of CMake and of the compiler, not their progress alone
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, createWriteStream, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cmakeGenerator, toolchainProblem } from './toolchain.mjs';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** Lines of a failed step that are worth showing. */
const TAIL = 40;

/** A failure that is told to the user as it stands. */
class BuildError extends Error {}

/** Prints `[ 30%] ...` in steps of ten; CMake writes `[ 30%]` under make and `[12/40]` under Ninja. */
function progressPrinter() {
  let shown = 0;
  return (line) => {
    const match = line.match(/^\[\s*(\d+)%\]|^\[(\d+)\/(\d+)\]/);
    if (!match) return;
    const percent = match[1] === undefined ? (100 * match[2]) / match[3] : Number(match[1]);
    const step = Math.floor(percent / 10) * 10;
    if (step <= shown) return;
    shown = step;
    console.log(`  ${String(step).padStart(3)}%`);
  };
}

/** Runs one step; its output goes to the log and, line by line, to `show`. */
async function run(command, args, log, show) {
  log.write(`$ ${[command, ...args].join(' ')}\n`);
  const tail = [];
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const take = (line) => {
    log.write(`${line}\n`);
    tail.push(line);
    if (tail.length > TAIL) tail.shift();
    show(line);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', take);
  const status = await new Promise((resolve) => {
    child.on('error', () => resolve(-1));
    child.on('close', resolve);
  });
  if (status === 0) return;
  throw new BuildError([...tail, `${command} failed (status ${status}).`].join('\n'));
}

function checkWritable() {
  try {
    accessSync(root, constants.W_OK);
  } catch {
    throw new BuildError(
      `${root} is not writable. Build as its owner, or compile a copy and point LPREG_LIBRARY at its liblpreg.so.`,
    );
  }
}

/**
 * Configures and compiles.
 * @param options.buildFolder - For CMake's own files, below `build/`.
 * @param options.outputFolder - Where lp_reg.node and liblpreg.so go.
 * @param options.defines - CMake variables by name.
 * @param options.verbose - Show every line.
 */
async function compile({ buildFolder, outputFolder, defines = {}, verbose = false }) {
  const problem = toolchainProblem();
  if (problem) throw new BuildError(problem);
  checkWritable();
  mkdirSync(buildFolder, { recursive: true });
  const logFile = join(buildFolder, 'build.log');
  const log = createWriteStream(logFile);
  const variables = {
    CMAKE_BUILD_TYPE: 'Release',
    LPREG_OUTPUT_DIRECTORY: outputFolder,
    NODE_EXECUTABLE: process.execPath,
    ...defines,
  };
  const configure = ['-S', root, '-B', buildFolder, '-G', cmakeGenerator()];
  for (const [name, value] of Object.entries(variables)) configure.push(`-D${name}=${value}`);
  const jobs = String(Math.min(availableParallelism(), 8));
  const all = (line) => console.log(`  ${line}`);
  try {
    console.log('lp-reg: configuring');
    // Of CMake's own lines those about lp-reg say what is built and what not.
    await run('cmake', configure, log, verbose ? all : (line) => line.startsWith('-- lp-reg') && all(line));
    console.log('lp-reg: compiling');
    const build = ['--build', buildFolder, '--target', 'lp_reg', '--parallel', jobs];
    await run('cmake', build, log, verbose ? all : progressPrinter());
  } catch (error) {
    if (error instanceof BuildError) error.message += `\nThe whole log: ${logFile}`;
    throw error;
  } finally {
    log.end();
  }
}

/** Loads the package in a process of its own: its report, or the message of its error. */
function inspectPackage() {
  const command = [join(root, 'bin/lp-reg.js'), 'inspect', '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  return status === 0 ? { report: JSON.parse(stdout) } : { problem: stderr };
}

function describeResult() {
  const { report, problem } = inspectPackage();
  if (problem !== undefined) throw new BuildError(`The library was compiled and does not load:\n${problem}`);
  return `lp-reg: ready: ${report.libraryPath} (${report.instructionSet})`;
}

/** The build of an installed package: into build/Release, without CUDA unless it is asked for. */
async function buildPackage({ cuda = false, verbose = false, output } = {}) {
  const started = Date.now();
  const ownFolder = join(root, 'build', 'Release');
  const outputFolder = resolve(output ?? ownFolder);
  const buildFolder = join(dirname(outputFolder), 'package');
  // A cache of another place or compiler would mislead CMake.
  rmSync(buildFolder, { recursive: true, force: true });
  const { LPREG_CUDA = 'OFF', LPREG_CUDA_RELEASE } = process.env;
  await compile({
    buildFolder,
    outputFolder,
    defines: { LPREG_CUDA: cuda ? 'ON' : LPREG_CUDA, ...(LPREG_CUDA_RELEASE && { LPREG_CUDA_RELEASE }) },
    verbose,
  });
  if (outputFolder === ownFolder) console.log(describeResult());
  console.log(`lp-reg: built in ${Math.round((Date.now() - started) / 1000)} s`);
}

async function main(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      cuda: { type: 'boolean' },
      'if-needed': { type: 'boolean' },
      output: { type: 'string' },
      verbose: { type: 'boolean' },
    },
  });
  if (values['if-needed'] && inspectPackage().problem === undefined) {
    console.log('lp-reg: the package loads as it is; nothing to build');
    return;
  }
  try {
    await buildPackage(values);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  await main(process.argv.slice(2));
