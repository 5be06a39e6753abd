import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { LpRegError } from '../errors.js';
import { type AddonFile, type AddonOrigin, addonFile, prebuiltPlatforms } from './addon-files.js';
import type { Addon } from './addon-types.js';
import { explainLoadFailure } from './load-failure.js';
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
  loaded ??= loadFound();
  return loaded;
}

function loadFound(): LoadedAddon {
  const override = process.env.LPREG_LIBRARY || undefined;
  checkOverride(override);
  let file: AddonFile | undefined;
  try {
    file = addonFile(folder);
    const { origin } = file;
    return {
      addon: loadFile(file),
      addonOrigin: origin,
      libraryOrigin: override === undefined ? origin : 'LPREG_LIBRARY',
    };
  } catch (cause) {
    throw new LpRegError('ERR_LIBRARY', explain(file, cause), { cause });
  }
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

function explain(file: AddonFile | undefined, cause: unknown): string {
  const { name, version } = require('../../package.json') as { name: string; version: string };
  return explainLoadFailure({
    file,
    problem: cause instanceof Error ? cause.message : String(cause),
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
