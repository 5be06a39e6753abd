/** Contenders timed side by side: one sample of each per round, so that a drifting clock or neighbour meets all alike. */

/** Something to time. */
export interface Contender {
  readonly name: string;
  /** Puts everything into the state that `run` starts from; not timed. */
  readonly prepare: () => void;
  /** What is timed; may return the milliseconds that it measured itself in place of the caller's clock. */
  readonly run: () => number | undefined;
}

/** Prepares a contender, runs it once and tells the milliseconds of the run. */
export type Sampler = (contender: Contender) => number;

/** How long a race goes on. */
export interface RaceLength {
  readonly minRounds: number;
  readonly maxRounds: number;
  /** No round starts after this many milliseconds, once there have been `minRounds`. */
  readonly budget: number;
}

/** Samples with the clock of Node. */
export const sampleOnce: Sampler = ({ prepare, run }) => {
  prepare();
  const start = performance.now();
  const own = run();
  return own ?? performance.now() - start;
};

/**
 * Runs contenders in rounds, each round beginning with another one.
 * @returns Samples in milliseconds by contender, in the order of the rounds. The first round warms up and is dropped.
 */
export function race(
  contenders: readonly Contender[],
  { minRounds, maxRounds, budget }: RaceLength,
  sample: Sampler,
): number[][] {
  const samples: number[][] = contenders.map(() => []);
  for (const contender of contenders) sample(contender);
  const end = performance.now() + budget;
  for (let round = 0; round < maxRounds && (round < minRounds || performance.now() < end); round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const index = (round + turn) % contenders.length;
      samples[index]?.push(sample(contenders[index] as Contender));
    }
  }
  return samples;
}
