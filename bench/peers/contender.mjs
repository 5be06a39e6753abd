// The parent's side of a contender: a process that keeps its batch and its memory from run to run.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

// glibc gives large blocks back to the system when they are freed, and every run would then pay for page faults again.
// With these settings it keeps them, as a trainer's allocator does.
const KEEP_MEMORY = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: String(2 ** 62),
  MALLOC_TOP_PAD_: String(2 ** 26),
  MALLOC_ARENA_MAX: '1',
};

/** The first Python that has torch; LPREG_BENCH_PYTHON names another one. */
function findPython() {
  const candidates = [process.env.LPREG_BENCH_PYTHON, 'python3', '/usr/bin/python3'].filter(Boolean);
  return candidates.find((python) => spawnSync(python, ['-c', 'import torch, numpy']).status === 0);
}

function torch(...flags) {
  const python = findPython();
  if (python === undefined) return { absent: 'no Python with torch and numpy was found' };
  return { command: [python, here('torch_contender.py')], flags };
}

function tfjs(backend) {
  const installed = existsSync(here('node_modules/@tensorflow/tfjs'));
  if (!installed) return { absent: 'not installed: npm ci --prefix bench/peers' };
  return { command: [process.execPath, here('tfjs.mjs')], flags: [backend] };
}

/** Name -> how to start it, or why it is absent. The first is this library. */
export function contenderCommands() {
  return {
    'lp-reg': { command: [process.execPath, here('lp-reg.mjs')], flags: [] },
    'torch eager': torch(),
    'torch.compile': torch('--compile'),
    'tfjs wasm': tfjs('wasm'),
    'tfjs cpu': tfjs('cpu'),
    'plain JavaScript': { command: [process.execPath, here('plain-js.mjs')], flags: [] },
  };
}

/** A running contender. */
export class Contender {
  #child;
  #lines;
  #stderr = '';

  constructor(name, { command: [program, ...args], flags }, folder) {
    this.name = name;
    this.#child = spawn(program, [...args, folder, ...flags], { env: { ...process.env, ...KEEP_MEMORY } });
    this.#child.stderr.on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-2000);
    });
    this.#child.stdin.on('error', () => {}); // a child that died tells why on stderr, which #next throws
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** What the contender can compute: { works, version? }, or { absent: reason }. */
  async start() {
    return this.#next();
  }

  /** One run: { loss, ms, faults }. @param save - File for the gradient. */
  async run(work, save) {
    this.#child.stdin.write(`${JSON.stringify({ run: work, save })}\n`);
    return this.#next();
  }

  stop() {
    this.#child.kill();
  }

  async #next() {
    const { value, done } = await this.#lines.next();
    if (done) {
      const lines = this.#stderr.trim().split('\n');
      throw new Error(`${this.name} ended: ${lines.findLast((line) => /Error/.test(line)) ?? lines.at(-1)}`);
    }
    return JSON.parse(value);
  }
}
