/** Which file is the addon, and who put it there. node-gyp-build decides; it prefers a local build. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';

/** `local`: compiled on this machine. `prebuild`: part of the package. */
export type AddonOrigin = 'local' | 'prebuild';

export interface AddonFile {
  readonly origin: AddonOrigin;
  readonly path: string;
}

/**
 * The file to load.
 * @throws {Error} where there is none for this system in the folder.
 */
export function addonFile(folder: string): AddonFile {
  const finder = require('node-gyp-build') as { resolve(folder: string): string };
  const path = resolve(finder.resolve(folder));
  // It also looks beside the node executable, and in the folder that LP_REG_PREBUILD names.
  if (!path.startsWith(resolve(folder) + sep))
    throw new Error(`${path} lies outside of the package, and only LPREG_LIBRARY names a file there`);
  const isPrebuild = basename(dirname(dirname(path))) === 'prebuilds';
  return { origin: isPrebuild ? 'prebuild' : 'local', path };
}

/** The platforms of the prebuilds in this copy of the package. */
export function prebuiltPlatforms(folder: string): readonly string[] {
  const prebuilds = join(folder, 'prebuilds');
  return existsSync(prebuilds) ? readdirSync(prebuilds).sort() : [];
}
