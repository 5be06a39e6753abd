// All arms of all seeds: one supervised start per seed, from which each arm goes on.
import * as tf from '@tensorflow/tfjs';
import { PolicyLoss } from 'lp-reg';
import { environmentNow, thisCommand } from '../../bench/results-file.mjs';
import { Random } from '../../dist/bench/random.js';
import { startBackend } from './backend.mjs';
import { evaluatePolicy } from './evaluate.mjs';
import { openMetrics, writeTiming } from './metrics-file.mjs';
import { progressBar } from './progress.mjs';
import { stepRecord } from './record.mjs';
import { trainByReward } from './rlvr.mjs';
import { superviseStart } from './supervised.mjs';
import { ANSWER_LENGTH, PROMPT_LENGTH, VOCABULARY } from './task.mjs';
import { trainable, weightList } from './transformer.mjs';

const HEADS = 4;
/** Evaluations of a run, beside the one of its start. */
const EVALUATIONS = 10;
/** Streams of random numbers of a seed, so that one arm's draws do not shift another's. */
const STREAMS = { start: 0, prompts: 1, answers: 2, evaluation: 3 };

const streamOf = (seed, stream) => new Random(seed * 1000 + STREAMS[stream]);

/** Trains and writes metrics and timings to `request.out`. */
export async function trainAll(arms, request) {
  // Made first, so that a wrong option is an error before anything is trained.
  const losses = arms.map(({ lossOptions }) => new PolicyLoss(lossOptions));
  await startBackend();
  const environment = environmentNow();
  const metrics = openMetrics(request.out);
  const timings = [];
  for (const seed of request.seeds) {
    const size = {
      vocabulary: VOCABULARY.length,
      positions: PROMPT_LENGTH + ANSWER_LENGTH,
      heads: HEADS,
      ...request.model,
    };
    const start = startPolicy(size, request.startSteps, seed);
    for (const [index, arm] of arms.entries()) {
      timings.push(trainArm({ arm, policyLoss: losses[index], seed, size, start, request, metrics }));
    }
    tf.dispose(weightList(start));
  }
  metrics.close();
  writeTiming(request.out, { command: thisCommand(), environment, runs: timings });
}

function startPolicy(size, steps, seed) {
  const progress = progressBar(`seed ${seed}, supervised start`, steps);
  return superviseStart(size, steps, streamOf(seed, 'start'), (step, loss) =>
    progress.show(step, `loss ${loss.toFixed(3)}`),
  );
}

function trainArm({ arm, policyLoss, seed, size, start, request, metrics }) {
  const { settings, startSteps } = request;
  const write = (record) => metrics.write({ arm: arm.name, seed, ...record });
  write({ kind: 'run', lossOptions: arm.lossOptions, size, startSteps, settings });
  const weights = trainable(start);
  const evaluate = (step) =>
    write({ kind: 'evaluation', step, ...evaluatePolicy(weights, size, streamOf(seed, 'evaluation')) });
  const every = Math.max(1, Math.round(settings.steps / EVALUATIONS));
  const progress = progressBar(`seed ${seed}, ${arm.name}`, settings.steps);
  const times = { draw: 0, update: 0, loss: 0, tokens: 0 };

  evaluate(0);
  trainByReward({
    weights,
    size,
    policyLoss,
    settings,
    random: { prompts: streamOf(seed, 'prompts'), answers: streamOf(seed, 'answers') },
    onStep(done) {
      const record = stepRecord(done, arm.lossOptions);
      write(record);
      addTimes(times, done, record.tokens);
      if (done.step % every === 0 || done.step === settings.steps) evaluate(done.step);
      progress.show(done.step, statusOf(record, times));
    },
  });
  tf.dispose(weightList(weights));
  return timingOf(arm, seed, settings.steps, times);
}

function addTimes(times, { updates, times: { begin, drawn, end } }, tokens) {
  times.draw += drawn - begin;
  times.update += end - drawn;
  times.loss += updates.reduce((total, { lossTime }) => total + lossTime, 0);
  times.tokens += tokens;
}

function statusOf({ reward, entropy, protectedCount }, { draw, update, tokens }) {
  const shown = protectedCount === undefined ? [] : [`protected ${protectedCount}`];
  const rate = `${Math.round((1000 * tokens) / (draw + update))} tokens/s`;
  return [`reward ${reward.toFixed(2)}`, `entropy ${entropy.toFixed(2)}`, ...shown, rate].join('  ');
}

/** Milliseconds of a step, and the part of them inside lp-reg, the copies out of the backend's memory included. */
function timingOf({ name }, seed, steps, { draw, update, loss, tokens }) {
  const total = draw + update;
  return {
    arm: name,
    seed,
    stepTime: total / steps,
    drawTime: draw / steps,
    updateTime: update / steps,
    lossTime: loss / steps,
    lossShare: loss / total,
    tokensPerSecond: (1000 * tokens) / total,
  };
}
