// What compiling the native library needs, and what to do where it is missing. No dependencies: runs before any exist.
import { spawnSync } from 'node:child_process';

const MINIMUM_CMAKE = [3, 21];

const INSTALL_HINT = `Install them with your package manager:
  Debian, Ubuntu   apt-get install cmake g++ make
  Fedora, RHEL     dnf install cmake gcc-c++ make
  Alpine           apk add cmake g++ make
  macOS            xcode-select --install; brew install cmake`;

function runs(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function cmakeProblem() {
  const { status, stdout } = spawnSync('cmake', ['--version'], { encoding: 'utf8' });
  if (status !== 0) return 'cmake was not found on PATH';
  const [major, minor] = (stdout.match(/(\d+)\.(\d+)/) ?? []).slice(1).map(Number);
  const [wantedMajor, wantedMinor] = MINIMUM_CMAKE;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return undefined;
  return `cmake ${major}.${minor} is too old, ${MINIMUM_CMAKE.join('.')} or newer is needed`;
}

function makeProblem() {
  return cmakeGenerator() === undefined ? 'neither ninja nor make was found on PATH' : undefined;
}

function compilerProblem() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  const probe = { input: '#include <optional>\nstd::optional<int> probe;\n', encoding: 'utf8' };
  const accepts = (compiler) =>
    spawnSync(compiler, ['-std=c++17', '-fsyntax-only', '-x', 'c++', '-'], probe).status === 0;
  if (candidates.some(accepts)) return undefined;
  return `no compiler accepts C++17 (tried ${candidates.join(', ')}; CXX names another)`;
}

/** What CMake generates for on this machine: Ninja where it is there, else make. */
export function cmakeGenerator() {
  if (process.env.CMAKE_GENERATOR) return process.env.CMAKE_GENERATOR;
  if (runs('ninja', '--version')) return 'Ninja';
  return runs('make', '--version') ? 'Unix Makefiles' : undefined;
}

/** What is missing for a native build, with the commands that mend it; undefined when nothing is. */
export function toolchainProblem() {
  const problems = [cmakeProblem(), makeProblem(), compilerProblem()].filter(Boolean);
  if (problems.length === 0) return undefined;
  return `lp-reg cannot compile its native library:\n${problems.map((p) => `  - ${p}\n`).join('')}${INSTALL_HINT}`;
}
