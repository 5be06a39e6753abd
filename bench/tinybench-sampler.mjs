// Samples of a race, taken by tinybench: one iteration at a time, its inputs restored before and outside of the timer.
import { Bench } from 'tinybench';

const ONE_ITERATION = { iterations: 1, time: 0, warmup: false, retainSamples: true, throws: true };

/** A sampler for `race` of lib/bench. */
export function tinybenchSampler({ name, prepare, run }) {
  const bench = new Bench(ONE_ITERATION);
  const timed = () => {
    const own = run();
    return own === undefined ? undefined : { overriddenDuration: own };
  };
  bench.add(name, timed, { beforeEach: prepare, async: false });
  const [{ result }] = bench.runSync();
  return result.latency.samples[0];
}
