/** What a prebuilt library depends on. */
import { existsSync, readdirSync } from 'node:fs';

export interface System {
  /** `process.platform` and `process.arch`, as in `linux-x64`. */
  readonly platform: string;
  /** Such as `glibc 2.36` or `musl`; empty outside of Linux. */
  readonly libc: string;
  readonly node: string;
}

export function thisSystem(): System {
  const { platform, arch, version } = process;
  return { platform: `${platform}-${arch}`, libc: libc(), node: version };
}

/** Whether this Node runs on musl, where a library that was built for glibc must not be loaded. */
export function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  // Spares a system without musl the report, which takes milliseconds.
  const hasMuslLoader = existsSync('/lib') && readdirSync('/lib').some((name) => name.startsWith('ld-musl-'));
  return hasMuslLoader && glibcVersion() === undefined;
}

function libc(): string {
  if (process.platform !== 'linux') return '';
  const version = glibcVersion();
  return version === undefined ? 'musl' : `glibc ${version}`;
}

function glibcVersion(): string | undefined {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}
