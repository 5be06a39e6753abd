import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const script = join(import.meta.dirname, '../scripts/check-layers.mjs');

describe('scripts/check-layers.mjs', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'layers-'));
    for (const [path, text] of Object.entries({
      'native/include/lpreg.h': '#include <stdint.h>\n',
      'native/core/row.h': '#include <cmath>\n#include "lpreg.h"\n',
      'native/cpu/kernel.h': '#include <immintrin.h>\n#include "core/row.h"\n',
      'native/engine/context.h': '#include "cpu/kernel.h"\n',
      'lib/errors.ts': '',
      'lib/tensors/view.ts': "import { LpRegError } from '../errors.js';\n",
      'lib/native/binding.ts': "import addon from '../../binding.cjs';\n",
      'lib/loss/policy-loss.ts': "import { run } from '../native/binding.js';\n",
      'lib/cli/main.ts': "import { parseArgs } from 'node:util';\n",
      'lib/index.mts': "export * from './index.js';\n",
      'lib/adapters/tfjs/peer.ts': "require('@tensorflow/tfjs-core');\n",
      'lib/adapters/tfjs/whole-loss.ts': "import { PolicyLoss } from '../../index.js';\n",
    })) {
      plant(path, text);
    }
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function plant(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  function check(): { status: number | null; stderr: string } {
    return spawnSync(process.execPath, [script, root], { encoding: 'utf8' });
  }

  test('a tree whose references all point down passes', () => {
    expect(check()).toMatchObject({ status: 0, stderr: '' });
  });

  test('a forbidden import stands in a comment: not reported', () => {
    plant('lib/tensors/example.ts', "/**\n * import { x } from 'lp-reg';\n */\n// from '../cli/main.js'\n");
    expect(check().status).toBe(0);
  });

  test.each([
    [
      'core includes a CPU header',
      'native/core/bad.h',
      '#include "cpu/kernel.h"',
      'core may not include cpu',
    ],
    [
      'core includes intrinsics',
      'native/core/bad.h',
      '#include <immintrin.h>',
      'core may not include <immintrin.h>',
    ],
    [
      'a path climbs out of core',
      'native/core/bad.h',
      '#include "../cpu/kernel.h"',
      'core may not include cpu',
    ],
    [
      'the CPU back end includes the engine',
      'native/cpu/bad.h',
      '# include "engine/context.h"',
      'cpu may not include engine',
    ],
    [
      'the addon includes core',
      'native/addon/bad.cpp',
      '#include "core/row.h"',
      'addon may not include core',
    ],
    [
      'the engine includes Node',
      'native/engine/bad.cpp',
      '#include <napi.h>',
      'engine may not include <napi.h>',
    ],
    ['a header does not exist', 'native/cpu/bad.h', '#include "core/gone.h"', 'not a file of native/'],
    ['a native folder has no layer', 'native/extra/bad.h', '', 'native/extra is not a layer'],
    [
      'tensors import the loss',
      'lib/tensors/bad.ts',
      "import '../loss/policy-loss.js';",
      'tensors may not import loss',
    ],
    [
      'options import native types',
      'lib/options/bad.ts',
      "import type { A } from '../native/binding.js';",
      'options may not import native',
    ],
    [
      'the loss re-exports the CLI',
      'lib/loss/bad.ts',
      "export * from '../cli/main.js';",
      'loss may not import cli',
    ],
    [
      'the loss loads the addon itself',
      'lib/loss/bad.ts',
      "await import('../../binding.cjs');",
      'loss may not import ../../binding.cjs',
    ],
    [
      'errors require tensors',
      'lib/errors.ts',
      "const v = require('./tensors/view.js');",
      'errors may not import tensors',
    ],
    [
      'a package is imported',
      'lib/cli/bad.ts',
      "import yargs from 'yargs';",
      'cli may not import the package yargs',
    ],
    [
      'another layer imports the package of an adapter',
      'lib/loss/bad.ts',
      "import '@tensorflow/tfjs-core';",
      'loss may not import the package @tensorflow/tfjs-core',
    ],
    [
      'an adapter goes past the public API',
      'lib/adapters/tfjs/bad.ts',
      "import '../../loss/policy-loss.js';",
      'adapters/tfjs may not import loss',
    ],
    [
      'the index exports an adapter',
      'lib/index.ts',
      "export * from './adapters/tfjs/index.js';",
      'index may not import adapters/tfjs',
    ],
    [
      'an import spans lines',
      'lib/tensors/bad.ts',
      "import {\n  A,\n} from '../cli/main.js';",
      'tensors may not import cli',
    ],
    ['a lib folder has no layer', 'lib/extra/bad.ts', '', 'lib/extra is not a layer'],
  ])('%s: reported with file and line', (_, path, text, message) => {
    plant(path, `${text}\n`);
    const { status, stderr } = check();
    expect(status).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(new RegExp(`^${path}:\\d+: `));
  });
});
