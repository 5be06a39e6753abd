// The results files of a folder.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where `bench/run-all` puts them. */
export const RESULTS_FOLDER = fileURLToPath(new URL('results', import.meta.url));

/** Of the CPU engine; other files of the folder (adapters, experiments, sizes, runs of other documents) are read elsewhere. */
const KINDS = ['cases', 'memory', 'overhead', 'peers', 'scaling'];

/** @returns The files about the CPU engine by their kind. */
export function readResults(folder = RESULTS_FOLDER) {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const files = names
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
    .filter(({ kind }) => KINDS.includes(kind));
  if (files.length === 0) throw new Error(`there are no results in ${folder}; bench/run-all makes them`);
  return Object.fromEntries(files.map((file) => [file.kind, file]));
}
