/** The one message about a library that does not load: what was looked for, what was found, what to do. */
import { join } from 'node:path';
import type { AddonFile } from './addon-files.js';
import { type BuildAdvice, buildAdvice } from './package-manager.js';
import type { System } from './system.js';

/** What the message is made from. */
export interface LoadFailure {
  /** The file that did not load; absent where none was found. */
  readonly file?: AddonFile | undefined;
  /** The message of whoever looked for the file or loaded it. */
  readonly problem: string;
  readonly system: System;
  readonly version: string;
  readonly prebuilt: readonly string[];
  /** The package's folder; in a bundle, the bundle's. */
  readonly folder: string;
  readonly isBundle: boolean;
}

/** What Node says where a package that this one depends on is not installed. */
const NO_DEPENDENCY = /Cannot find module 'node-gyp-build'/;

/** Causes by what the dynamic linker says, or by what is missing. */
const CAUSES: readonly (readonly [RegExp, string])[] = [
  [NO_DEPENDENCY, 'A package that lp-reg depends on is not installed.'],
  [/version `GLIBC/, 'The C or C++ library of this system is older than the binary needs.'],
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
  const { file, problem, system, version, prebuilt } = failure;
  const { platform, libc, node } = system;
  const message = problem.trim().replace(/\s*\n\s*/g, ', ');
  const found = [`${platform}${libc === '' ? '' : `, ${libc}`}`, `node ${node}`, `lp-reg ${version}`];
  return [
    'the native library could not be loaded.',
    'looked for:',
    file === undefined ? `  ${message}` : `  ${file.path} (${file.origin}): ${message}`,
    'found:',
    `  ${found.join(', ')}; prebuilds here: ${prebuilt.join(', ') || 'none'}`,
    'why:',
    `  ${causeOf(failure)}`,
    'what to do:',
    ...remedy(failure).map((line) => `  ${line}`),
  ].join('\n');
}

function causeOf({ problem, system, prebuilt, isBundle }: LoadFailure): string {
  const known = CAUSES.find(([pattern]) => pattern.test(problem));
  if (known !== undefined) return known[1];
  if (isBundle) return 'A bundler has moved the JavaScript away from the binaries.';
  if (system.platform.startsWith('win32')) return 'Windows is not supported; WSL 2 runs the Linux library.';
  if (system.libc === 'musl') return 'The prebuilds are for glibc, and this system uses musl.';
  if (!prebuilt.includes(system.platform)) return `There is no prebuild for ${system.platform}.`;
  return 'See the messages above.';
}

function remedy({ file, folder, isBundle, prebuilt, problem, system }: LoadFailure): readonly string[] {
  if (NO_DEPENDENCY.test(problem)) return ['Install lp-reg again, with its dependencies.'];
  if (isBundle) {
    return [
      'Mark lp-reg as external, or copy the prebuilds folder of the package to',
      `  ${folder}/prebuilds`,
    ];
  }
  if (system.platform.startsWith('win32')) return ['Install and run it inside of WSL 2.'];
  const commands = compileIt(buildAdvice(folder));
  if (file?.origin !== 'local' || !prebuilt.includes(system.platform)) return commands;
  return [...commands, `to use the prebuild instead, delete ${join(folder, 'build')}`];
}

function compileIt({ command, project }: BuildAdvice): readonly string[] {
  return [
    `run: ${command}`,
    `compiles it here${project === undefined ? '' : `, in ${project}`}; needs cmake, make or ninja, and a C++17 compiler`,
    'to have every installation do that: "postinstall": "lp-reg build --if-needed" in the scripts of your package.json',
  ];
}
