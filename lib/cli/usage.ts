/** The command line's help, and the error for a command line that does not follow it. */

export const USAGE = `Usage:
  lp-reg eval BATCH.safetensors --out RESULT.safetensors [options]
      Evaluates a batch dumped by a trainer: loss, gradient of the logits and per-token fields.
        --out FILE           where the result goes
        --backend NAME       cpu (default, as auto) or cuda
        --device N           CUDA device, from 0 (default: 0)
        --logits NAME        logits tensor of the batch (default: logits)
        --grad-dtype NAME    float32 (default), float16 or bfloat16
        --threads N          CPU threads (default: as many as this process may use)
        --json               print the summary as JSON
  lp-reg inspect [--paths] [--json]
      Says which binary is loaded, what it can use here, and why CUDA is off.
        --paths              print where the library, its C header and the Python file are
  lp-reg build [--cuda] [--if-needed] [--verbose]
      Compiles the native library of this copy of the package; needs cmake, make or ninja, and a C++17 compiler.
        --cuda               with the CUDA back end (needs nvcc; CUDAARCHS chooses the architectures)
        --if-needed          do nothing where the package loads as it is
        --verbose            print every line of the build, not its progress alone
  lp-reg bench [options]
      Times losses on this machine, against a copy of their logits. Takes about half a minute.
        --rows N             tokens of the batch (default: 64)
        --vocab N            vocabulary (default: 151936)
        --dtype NAME         float32 (default), float16 or bfloat16
        --threads N          CPU threads (default: as many as this process may use)
        --json               print the results as JSON
  lp-reg --help | --version

The layout of batch files is described in docs/metadata.md.
Exit status: 0 success, 1 failure (one line on stderr: lp-reg: ERR_CODE: message), 2 wrong usage.
`;

/** A command line that does not follow {@link USAGE}. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The value of an option that must be one of a few words. */
export function oneOf<Word extends string>(option: string, words: readonly Word[], value: string): Word {
  const word = words.find((candidate) => candidate === value);
  if (word === undefined)
    throw new UsageError(`${option} must be one of ${words.join(', ')}, not '${value}'`);
  return word;
}

/** The value of an option that must be an integer from `least`. */
export function integerFrom(least: 0 | 1, option: string, text: string): number {
  if (/^(0|[1-9]\d{0,8})$/.test(text) && Number(text) >= least) return Number(text);
  throw new UsageError(`${option} must be an integer from ${least}, not '${text}'`);
}
