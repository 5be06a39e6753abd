/** Entry of the `lp-reg` command. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LpRegError } from '../errors.js';
import { runBench } from './bench.js';
import { runBuild } from './build.js';
import { runEval } from './eval.js';
import { runInspect } from './inspect.js';
import { USAGE, UsageError } from './usage.js';

/**
 * Runs one command line and prints what it has to say.
 * @param argv - The arguments behind the command's name.
 * @returns The exit status: 0, 1 for a failure, 2 for wrong usage. Nothing is thrown.
 */
export function main(argv: readonly string[]): 0 | 1 | 2 {
  try {
    process.stdout.write(run(argv));
    return 0;
  } catch (error) {
    if (isUsageError(error)) {
      process.stderr.write(`lp-reg: ${oneLine(error.message)}\n\n${USAGE}`);
      return 2;
    }
    process.stderr.write(`lp-reg: ${describeError(error)}\n`);
    return 1;
  }
}

function describeError(error: unknown): string {
  if (!(error instanceof LpRegError)) return `ERR_INTERNAL: ${oneLine(String(error))}`;
  // What to do about a library that does not load is a list, and holds no names from files.
  return `${error.code}: ${error.code === 'ERR_LIBRARY' ? error.message : oneLine(error.message)}`;
}

function run(argv: readonly string[]): string {
  const [command, ...rest] = argv;
  switch (command) {
    case 'eval':
      return rest.includes('--help') ? USAGE : runEval(rest);
    case 'inspect':
      return rest.includes('--help') ? USAGE : runInspect(rest);
    case 'build':
      return rest.includes('--help') ? USAGE : runBuild(rest);
    case 'bench':
      return rest.includes('--help') ? USAGE : runBench(rest);
    case '--help':
    case '-h':
      return USAGE;
    case '--version':
      return `${packageVersion()}\n`;
    case undefined:
      throw new UsageError('a command is missing');
    default:
      throw new UsageError(`unknown command '${command}'`);
  }
}

/** Read from the package itself, so that it is known even where the addon does not load. */
function packageVersion(): string {
  return JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')).version;
}

function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  // What node:util parseArgs throws.
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}

/** File and tensor names can hold anything; an error stays one readable line. */
function oneLine(message: string): string {
  return message.replace(/\p{Cc}+/gu, ' ').trim();
}
