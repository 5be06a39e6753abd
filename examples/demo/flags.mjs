// The command line of the demo.
import { parseArgs } from 'node:util';
import { ARM_FLAGS, ARMS } from './arms.mjs';

export const HELP = `Usage:
  npm run demo -- [options]
      Trains a small transformer to write expressions that equal a number, and reports what happens to its entropy.
        --objective NAME        ${Object.keys(ARMS).join(' | ')}
                                may be repeated (default: grpo and lp-reg)
        --seed N                may be repeated; all objectives of a seed begin with the same policy (default: 1)
        --steps N               steps of reinforcement learning (default: 100)
        --start-steps N         steps of the supervised start (default: 300)
        --prompts N             prompts per step (default: 32)
        --samples N             answers per prompt (default: 8)
        --mini-batches N        updates per step (default: 2)
        --learning-rate X       of Adam, in reinforcement learning (default: 0.001)
        --width N               of the transformer, a multiple of 4 (default: 48)
        --layers N              of the transformer (default: 2)
        --out DIR               where report and metrics go (default: build/demo)
      Of lp-reg:
        --form NAME             paper (default), reference or kept
        --rho X                 fraction of the tokens that counts as unlikely (default: 0.01; not with kept)
        --beta X                weight of the regulariser (default: 1)
        --kappa X               of the min-p filter (default: 0.02)
      Of other objectives:
        --entropy-coef X        entropy-bonus (default: 0.01)
        --clip-high X           clip-higher (default: 0.28)
        --k-percent X           kl-cov (default: 0.2)
        --top-fraction X        80-20 (default: 0.2)
  npm run demo -- report DIR... --out DIR
      One report of several runs; seeds of one arm become a mean with its 95 % interval.
  npm run demo -- --help
`;

/** A command line that does not follow {@link HELP}. */
export class UsageError extends Error {}

const INTEGERS = {
  steps: 100,
  'start-steps': 300,
  prompts: 32,
  samples: 8,
  'mini-batches': 2,
  width: 48,
  layers: 2,
};
const FORMS = ['paper', 'reference', 'kept'];
const DEFAULT_OUT = 'build/demo';

function integer(flag, text) {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new UsageError(`--${flag} must be an integer from 1, not '${text}'`);
}

function number(flag, text) {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new UsageError(`--${flag} must be a number from 0, not '${text}'`);
}

function oneOf(flag, words, text) {
  if (words.includes(text)) return text;
  throw new UsageError(`--${flag} must be one of ${words.join(', ')}, not '${text}'`);
}

function parse(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error.message);
  }
}

function reportRequest(args) {
  const { values, positionals } = parse(args, { out: { type: 'string' } });
  if (positionals.length === 0) throw new UsageError('report needs the folder of a run');
  if (values.out === undefined) throw new UsageError('report needs --out, the folder that it writes to');
  return { command: 'report', folders: positionals, out: values.out };
}

/** Flags of the arms, as numbers; an error for one that no chosen objective takes. */
function armValues(values, objectives) {
  const taken = objectives.flatMap((objective) => ARMS[objective].flags);
  const given = ARM_FLAGS.filter((flag) => values[flag] !== undefined);
  for (const flag of given) {
    if (!taken.includes(flag)) throw new UsageError(`--${flag} has no effect on ${objectives.join(', ')}`);
  }
  if (values.form === 'kept' && values.rho !== undefined) {
    throw new UsageError('--rho has no effect on the form kept');
  }
  return Object.fromEntries(
    given.map((flag) => [
      flag,
      flag === 'form' ? oneOf(flag, FORMS, values.form) : number(flag, values[flag]),
    ]),
  );
}

function trainRequest(args) {
  const text = { type: 'string' };
  const several = { type: 'string', multiple: true };
  const single = [...Object.keys(INTEGERS), 'learning-rate', 'out', ...ARM_FLAGS];
  const options = Object.fromEntries(single.map((flag) => [flag, text]));
  const { values, positionals } = parse(args, { ...options, objective: several, seed: several });
  if (positionals.length > 0) throw new UsageError(`there is no command '${positionals[0]}'`);
  const objectives = [...new Set(values.objective ?? ['grpo', 'lp-reg'])];
  for (const name of objectives) oneOf('objective', Object.keys(ARMS), name);
  const counts = Object.entries(INTEGERS).map(([flag, preset]) => [
    flag,
    integer(flag, values[flag] ?? String(preset)),
  ]);
  const sizes = Object.fromEntries(counts);
  if (sizes.width % 4 !== 0) throw new UsageError('--width must be a multiple of 4');
  if (sizes.samples < 2)
    throw new UsageError('--samples must be at least 2: an answer is compared with its group');
  if (sizes.prompts % sizes['mini-batches'] !== 0)
    throw new UsageError('--prompts must be a multiple of --mini-batches');
  return {
    command: 'train',
    objectives,
    seeds: [...new Set((values.seed ?? ['1']).map((seed) => integer('seed', seed)))],
    startSteps: sizes['start-steps'],
    model: { width: sizes.width, layers: sizes.layers },
    settings: {
      steps: sizes.steps,
      prompts: sizes.prompts,
      samples: sizes.samples,
      miniBatches: sizes['mini-batches'],
      learningRate: number('learning-rate', values['learning-rate'] ?? '0.001'),
    },
    armValues: armValues(values, objectives),
    out: values.out ?? DEFAULT_OUT,
  };
}

/**
 * What a command line asks for.
 * @returns `command`: `help`, `report` or `train`, with what belongs to it.
 * @throws {UsageError}
 */
export function requestOf(args) {
  if (args.includes('--help')) return { command: 'help' };
  return args[0] === 'report' ? reportRequest(args.slice(1)) : trainRequest(args);
}
