/** The package as npm would publish it, packed from this checkout; nothing comes from a registry. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const root = join(import.meta.dirname, '../../..');
const thisPlatform = `${process.platform}-${process.arch}`;
const ADDON = 'lp-reg.glibc.node';

/** Packages that ours depends on; installed from their copies in this checkout. */
const DEPENDENCIES = ['node-addon-api', 'node-api-headers', 'node-gyp-build'];

export interface TarballOptions {
  /** Whether the binaries are part of it. @default true */
  readonly prebuild?: boolean;
  /** @default the checkout's */
  readonly version?: string;
  /** Of the binaries; one other than this machine's is a release's. @default this machine's */
  readonly platform?: string;
}

function npm(args: readonly string[]): string {
  return execFileSync('npm', [...args, '--ignore-scripts', '--loglevel=error'], {
    cwd: root,
    encoding: 'utf8',
  });
}

/** Paths of the files that npm would pack, without prebuilds. */
export function packedFiles(): string[] {
  const [{ files }] = JSON.parse(npm(['pack', '--dry-run', '--json'])) as [{ files: { path: string }[] }];
  return files.map(({ path }) => path).filter((path) => !path.startsWith('prebuilds/'));
}

/** The binaries by their names in a prebuild: a release's where LPREG_TEST_PREBUILDS is set, else the checkout's. */
function binaries(platform: string): Readonly<Record<string, string>> {
  const isRelease = process.env.LPREG_TEST_PREBUILDS !== undefined || platform !== thisPlatform;
  const folder = isRelease ? join(root, 'prebuilds', platform) : join(root, 'build/Release');
  return {
    [ADDON]: join(folder, isRelease ? ADDON : 'lp_reg.node'),
    'liblpreg.so': join(folder, 'liblpreg.so'),
  };
}

function stage(folder: string, { prebuild = true, version, platform = thisPlatform }: TarballOptions): void {
  for (const path of packedFiles()) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(root, path), join(folder, path));
  }
  if (prebuild) {
    for (const [name, file] of Object.entries(binaries(platform)))
      cpSync(file, join(folder, 'prebuilds', platform, name));
  }
  if (version === undefined) return;
  const manifest = join(folder, 'package.json');
  const fields = JSON.parse(readFileSync(manifest, 'utf8'));
  writeFileSync(manifest, JSON.stringify({ ...fields, version }));
}

/** A folder with tarballs; `remove` when done. */
export class Tarballs {
  readonly folder = mkdtempSync(join(tmpdir(), 'lp-reg-tarballs-'));
  #count = 0;
  #dependencies: readonly string[] | undefined;

  /** Packs the package and returns the tarball's path. */
  pack(options: TarballOptions = {}): string {
    const folder = join(this.folder, String(this.#count++));
    const staged = join(folder, 'stage');
    stage(staged, options);
    const tarball = this.#pack(staged, folder);
    rmSync(staged, { recursive: true });
    return tarball;
  }

  /** Tarballs of what the package depends on. */
  dependencies(): readonly string[] {
    this.#dependencies ??= DEPENDENCIES.map((name) =>
      this.#pack(join(root, 'node_modules', name), this.folder),
    );
    return this.#dependencies;
  }

  #pack(source: string, destination: string): string {
    const output = npm(['pack', source, '--json', '--pack-destination', destination]);
    const [{ filename }] = JSON.parse(output) as [{ filename: string }];
    return join(destination, filename);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
