// Evaluates one batch with GRPO, with Lp-Reg, and with Lp-Reg without its regulariser, and compares them row by row.
import { PolicyLoss } from 'lp-reg';

/** What the losses share, so that only the policy term differs. */
function commonOptions({ temperature, aggregation, entropyCoef }) {
  return { temperature, aggregation, entropyCoef };
}

/** Loss, per-token results and the gradient, in a tensor of its own. */
function evaluate(options, batch) {
  return new PolicyLoss(options).forwardBackwardSync(batch);
}

function row({ data, shape }, index) {
  const vocabulary = shape[2];
  return data.subarray(index * vocabulary, (index + 1) * vocabulary);
}

const differs = (a, b) => a.some((value, index) => value !== b[index]);

const argmax = (values) => values.reduce((best, value, index) => (value > values[best] ? index : best), 0);

/**
 * Compares the gradients of one batch file.
 * Pushes are what gradient descent adds to a logit, up to its learning rate: `-d loss / d logit`.
 */
export function compareWithGrpo({ options, batch, shape }) {
  // GRPO has no proxy: its batch holds nothing to take one from.
  const { oldLogits: _, proxyLogProbs: __, probThreshold: ___, ...grpoBatch } = batch;
  const grpo = evaluate({ objective: 'grpo', ...commonOptions(options) }, grpoBatch);
  const without = evaluate({ ...options, beta: 0 }, batch);
  const lpReg = evaluate(options, batch);

  const rows = Array.from(batch.actions.keys());
  const selected = rows.filter((index) => lpReg.tokens.selected[index] === 1);
  const changedByClip = rows.filter((index) =>
    differs(row(grpo.gradLogits, index), row(without.gradLogits, index)),
  );
  const changedByRegulariser = rows.filter((index) =>
    differs(row(without.gradLogits, index), row(lpReg.gradLogits, index)),
  );
  return {
    grpo,
    lpReg,
    changedByClip,
    changedByRegulariser,
    protectedTokens: selected.map((index) => {
      const action = batch.actions[index];
      const top = argmax(row(batch.logits, index));
      const push = (result, token) => -row(result.gradLogits, index)[token];
      return {
        sequence: Math.floor(index / shape[1]),
        position: index % shape[1],
        action,
        advantage: batch.advantages[index],
        probability: Math.exp(lpReg.tokens.logProbs[index]),
        proxy: Math.exp(lpReg.tokens.proxyLogProbs[index]),
        actionPush: [grpo, without, lpReg].map((result) => push(result, action)),
        topPush: [grpo, lpReg].map((result) => push(result, top)),
      };
    }),
  };
}

/** How many tokens each form of Lp-Reg selects on a batch, at the published fractions and at the file's own. */
export function selectionByForm({ options, batch }) {
  const { filter, proxy, interpolation } = options;
  const rho = options.rho ?? options.rhoNeg;
  const forms = [
    { name: 'paper, rho 0.01 (published)', form: 'paper', rho: 0.01, interpolation },
    { name: `paper, rho ${rho}`, form: 'paper', rho, interpolation },
    { name: 'reference, rho 0.01 (published)', form: 'reference', rhoNeg: 0.01 },
    { name: `reference, rho ${rho}`, form: 'reference', rhoNeg: rho },
    { name: 'kept (no rho)', form: 'kept' },
  ];
  return forms.map(({ name, ...form }) => {
    const policyLoss = new PolicyLoss({
      objective: 'lp-reg',
      filter,
      proxy,
      ...commonOptions(options),
      ...form,
    });
    return { name, metrics: policyLoss.forwardSync(batch).metrics };
  });
}
