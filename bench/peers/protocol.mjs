// The child's side of a contender: reads the batch from files, answers one request per line.
//   {"run": work}                 -> {"loss": number, "ms": number, "faults": number}, ours also "selected": number
//   {"run": work, "save": file}   the same, and the gradient goes to the file as float32
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

function readArray(folder, name, Type) {
  const { buffer, byteOffset, byteLength } = readFileSync(`${folder}/${name}`);
  return new Type(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** The batch that bench/peers/run.mjs has written. */
export function readBatch(folder) {
  return {
    ...JSON.parse(readFileSync(`${folder}/batch.json`, 'utf8')),
    logits: readArray(folder, 'logits', Float32Array),
    actions: readArray(folder, 'actions', Int32Array),
    oldLogProbs: readArray(folder, 'oldLogProbs', Float32Array),
    advantages: readArray(folder, 'advantages', Float32Array),
  };
}

/**
 * Answers requests until the input ends.
 * @param works - Name -> { prepare?, run }: `run` is timed and returns { loss }; `gradient` gives the float32
 *   gradient of the last run.
 */
export async function serve(works) {
  process.stdout.write(`${JSON.stringify({ works: Object.keys(works) })}\n`);
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    const { prepare, run, gradient } = works[request.run];
    prepare?.();
    const faults = process.resourceUsage().minorPageFault;
    const start = performance.now();
    const result = run();
    const ms = performance.now() - start;
    const answer = { ...result, ms, faults: process.resourceUsage().minorPageFault - faults };
    if (request.save) writeFileSync(request.save, gradient());
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
