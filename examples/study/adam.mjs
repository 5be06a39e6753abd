// Adam on Theta, the weights behind the logits of environment.mjs. Its step depends on Theta's own gradient, so that, other
// than for gradient descent, products of prompts are not enough.
const [FIRST, SECOND, EPSILON] = [0.9, 0.999, 1e-8];

/** @returns A step on the logits, like `descend` of simulate.mjs: (logits, gradient of createGradient). */
export function createAdam({ features, P, L, V }, learningRate) {
  const size = L * V;
  const weights = features[0].length;
  const [means, squares] = [new Float64Array(weights * size), new Float64Array(weights * size)];
  const step = new Float64Array(size);
  let steps = 0;

  /** Moves row `k` of Theta; leaves the move in `step`. */
  function move(k, { sums, prompts }) {
    step.fill(0);
    prompts.forEach((y, place) => {
      const factor = features[y][k];
      const from = place * size;
      for (let j = 0; j < size; j++) step[j] += factor * sums[from + j];
    });
    const rate = learningRate / (1 - FIRST ** steps);
    const correction = 1 - SECOND ** steps;
    for (let j = 0, at = k * size; j < size; j++, at++) {
      const gradient = step[j];
      means[at] += (1 - FIRST) * (gradient - means[at]);
      squares[at] += (1 - SECOND) * (gradient * gradient - squares[at]);
      step[j] = (-rate * means[at]) / (Math.sqrt(squares[at] / correction) + EPSILON);
    }
  }
  return function descend(logits, pass) {
    steps++;
    for (let k = 0; k < weights; k++) {
      move(k, pass);
      for (let x = 0; x < P; x++) {
        const factor = features[x][k];
        const to = x * size;
        for (let j = 0; j < size; j++) logits[to + j] += factor * step[j];
      }
    }
  };
}
