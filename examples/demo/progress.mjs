// One line that is written over on a terminal; every tenth step elsewhere.

const WIDTH = 20;

const bar = (fraction) => {
  const full = Math.round(fraction * WIDTH);
  return `[${'='.repeat(full)}${' '.repeat(WIDTH - full)}]`;
};

/** @param title - What is running. @param steps - How many there will be. */
export function progressBar(title, steps, stream = process.stderr) {
  return {
    show(step, text) {
      const line = `${title} ${bar(step / steps)} ${step}/${steps} ${text}`;
      if (stream.isTTY) stream.write(`\r\x1b[K${line.slice(0, (stream.columns ?? 120) - 1)}`);
      else if (step % 10 === 0 || step === steps) stream.write(`${line}\n`);
      if (stream.isTTY && step === steps) stream.write('\n');
    },
  };
}
