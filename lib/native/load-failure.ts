/** The one message about a library that does not load: what was looked for, what was found, what to do. */
import type { AddonFile } from './addon-files.js';
import { type BuildAdvice, buildAdvice } from './package-manager.js';
import type { System } from './system.js';

/** A file that was tried, and what became of it. */
export interface Attempt extends AddonFile {
  readonly problem: string;
}

/** What the message is made from. */
export interface LoadFailure {
  readonly attempts: readonly Attempt[];
  readonly system: System;
  readonly version: string;
  readonly prebuilt: readonly string[];
  /** The package's folder; in a bundle, the bundle's. */
  readonly folder: string;
  readonly isBundle: boolean;
}

/** The problem of a file that does not exist. */
export const NOT_THERE = 'not there';

/** Causes by what the dynamic linker says, or by what is missing. */
const CAUSES: readonly (readonly [RegExp, string])[] = [
  [/version `GLIBC/, 'The C or C++ library of this system is older than the prebuild needs.'],
  [
    /lib(stdc\+\+|gcc_s)\.so\.\d+: cannot open/,
    'The C++ runtime is not installed (Debian, Ubuntu: libstdc++6; Fedora, RHEL, Alpine: libstdc++).',
  ],
  [/liblpreg\.so: cannot open/, 'The addon is there, but not the library that belongs beside it.'],
  [
    /invalid ELF header|wrong ELF class|file too short|mach-o/i,
    'The file is no library of this platform: damaged, or installed on another machine and copied.',
  ],
];

export function explainLoadFailure(failure: LoadFailure): string {
  const { attempts, system, version, prebuilt } = failure;
  const { platform, libc, node } = system;
  const looked = attempts.map(({ origin, path, problem }) => `  ${path} (${origin}): ${problem}`);
  const found = [`${platform}${libc === '' ? '' : `, ${libc}`}`, `node ${node}`, `lp-reg ${version}`];
  return [
    'the native library could not be loaded.',
    'looked for:',
    ...looked,
    'found:',
    `  ${found.join(', ')}; prebuilds here: ${prebuilt.join(', ') || 'none'}`,
    'why:',
    `  ${causeOf(failure)}`,
    'what to do:',
    ...remedy(failure).map((line) => `  ${line}`),
  ].join('\n');
}

function causeOf({ attempts, system, prebuilt, isBundle }: LoadFailure): string {
  const problems = attempts.map(({ problem }) => problem);
  const known = CAUSES.find(([pattern]) => problems.some((problem) => pattern.test(problem)));
  if (known !== undefined) return known[1];
  if (isBundle) return 'A bundler has moved the JavaScript away from the binaries.';
  if (system.platform.startsWith('win32')) return 'Windows is not supported; WSL 2 runs the Linux library.';
  if (system.libc === 'musl') return 'The prebuilds are for glibc, and this system uses musl.';
  if (!prebuilt.includes(system.platform)) return `There is no prebuild for ${system.platform}.`;
  return 'See the messages above.';
}

function remedy({ folder, isBundle, system }: LoadFailure): readonly string[] {
  if (isBundle) {
    return [
      'Mark lp-reg as external, or copy the prebuilds folder of the package to',
      `  ${folder}/prebuilds`,
    ];
  }
  if (system.platform.startsWith('win32')) return ['Install and run it inside of WSL 2.'];
  return compileIt(buildAdvice(folder));
}

function compileIt({ command, project }: BuildAdvice): readonly string[] {
  return [
    `run: ${command}`,
    `compiles it here${project === undefined ? '' : `, in ${project}`}; needs cmake, make or ninja, and a C++17 compiler`,
    'to have every installation do that: "postinstall": "lp-reg build --if-needed" in the scripts of your package.json',
  ];
}
