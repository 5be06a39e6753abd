/** Where the addon may lie, and who put it there. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** `local`: compiled on this machine. `prebuild`: part of the package. */
export type AddonOrigin = 'local' | 'prebuild';

export interface AddonFile {
  readonly origin: AddonOrigin;
  readonly path: string;
}

/**
 * The files to try, first one first. A local build is there only where somebody compiled one on purpose, so it
 * comes before the prebuild.
 */
export function addonFiles(folder: string, platform: string): readonly AddonFile[] {
  return [
    { origin: 'local', path: join(folder, 'build', 'Release', 'lp_reg.node') },
    { origin: 'prebuild', path: join(folder, 'prebuilds', platform, 'lp_reg.node') },
  ];
}

/** The platforms of the prebuilds in this copy of the package. */
export function prebuiltPlatforms(folder: string): readonly string[] {
  const prebuilds = join(folder, 'prebuilds');
  return existsSync(prebuilds) ? readdirSync(prebuilds).sort() : [];
}
