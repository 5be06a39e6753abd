import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { LpRegError } from '../errors.js';
import { type AddonFile, type AddonOrigin, addonFiles, prebuiltPlatforms } from './addon-files.js';
import type { Addon } from './addon-types.js';
import { type Attempt, explainLoadFailure, NOT_THERE } from './load-failure.js';
import { isMusl, thisSystem } from './system.js';

/** The addon in use, and where it came from. */
export interface LoadedAddon {
  readonly addon: Addon;
  readonly addonOrigin: AddonOrigin;
  readonly libraryOrigin: AddonOrigin | 'LPREG_LIBRARY';
}

const { folder, load } = require('../../binding.cjs') as { folder: string; load(path: string): Addon };

let loaded: LoadedAddon | undefined;

/**
 * The addon, loaded on first use.
 * @throws {LpRegError} `ERR_LIBRARY`, saying what was looked for and what to do.
 */
export function addon(): Addon {
  return loadedAddon().addon;
}

/** @throws {LpRegError} `ERR_LIBRARY`, saying what was looked for and what to do. */
export function loadedAddon(): LoadedAddon {
  loaded ??= loadFirst();
  return loaded;
}

function loadFirst(): LoadedAddon {
  const override = process.env.LPREG_LIBRARY || undefined;
  checkOverride(override);
  const attempts: Attempt[] = [];
  let cause: unknown;
  for (const file of addonFiles(folder, `${process.platform}-${process.arch}`)) {
    if (!existsSync(file.path)) {
      attempts.push({ ...file, problem: NOT_THERE });
      continue;
    }
    try {
      const addon = loadFile(file);
      announceFallback(attempts, file);
      const { origin } = file;
      return { addon, addonOrigin: origin, libraryOrigin: override === undefined ? origin : 'LPREG_LIBRARY' };
    } catch (error) {
      cause = error;
      attempts.push({ ...file, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  throw new LpRegError('ERR_LIBRARY', explain(attempts), { cause });
}

function loadFile({ origin, path }: AddonFile): Addon {
  if (origin === 'prebuild' && isMusl()) throw new Error('built for glibc, not tried on musl');
  return load(path);
}

/** `LPREG_LIBRARY` names another liblpreg.so than the one beside the addon. */
function checkOverride(path: string | undefined): void {
  if (path === undefined) return;
  const problem = !isAbsolute(path) ? 'is not an absolute path' : existsSync(path) ? '' : 'does not exist';
  if (problem === '') return;
  const message = `LPREG_LIBRARY: '${path}' ${problem}`;
  throw new LpRegError('ERR_LIBRARY', message, { argument: 'LPREG_LIBRARY' });
}

/** A build that is there and does not load is not passed over in silence. */
function announceFallback(attempts: readonly Attempt[], used: AddonFile): void {
  for (const { origin, path, problem } of attempts.filter((attempt) => attempt.problem !== NOT_THERE)) {
    const message = `lp-reg: the ${origin} build ${path} did not load (${problem}); using the ${used.origin}`;
    process.emitWarning(message, { code: 'LPREG_FALLBACK' });
  }
}

function explain(attempts: readonly Attempt[]): string {
  const { name, version } = require('../../package.json') as { name: string; version: string };
  return explainLoadFailure({
    attempts,
    system: thisSystem(),
    version,
    prebuilt: prebuiltPlatforms(folder),
    folder,
    isBundle: !isPackage(folder, name),
  });
}

function isPackage(path: string, name: string): boolean {
  const manifest = join(path, 'package.json');
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === name;
}
