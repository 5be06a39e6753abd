/** The packed package, installed without a network where there is no more than node, npm and sh. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleGoldenConsumer } from './support/package/bundle.js';
import { outcome, Project } from './support/package/project.js';
import { root, Tarballs } from './support/package/tarball.js';
import { compileGoldenConsumer, compileTypeScript } from './support/package/typescript.js';
import { vectorNames } from './support/vectors.js';

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const tarballs = new Tarballs();
const project = new Project();
const tarball = tarballs.pack();
let installing: ReturnType<Project['install']>;

beforeAll(() => {
  installing = project.install(tarball, tarballs);
});
afterAll(() => {
  project.remove();
  tarballs.remove();
});

test('with install scripts: the installation compiles nothing and the package loads', () => {
  expect(outcome(installing)).toMatchObject({ status: 0 });
  const report = JSON.parse(project.run('npx', ['lp-reg', 'inspect', '--json']).stdout);
  expect(report).toMatchObject({ version, addonOrigin: 'prebuild', libraryOrigin: 'prebuild' });
  expect(report.libraryPath).toBe(
    project.installed(`prebuilds/${process.platform}-${process.arch}/liblpreg.so`),
  );
});

test('with --ignore-scripts: the package loads all the same', () => {
  const other = new Project();
  try {
    expect(outcome(other.install(tarball, tarballs, { ignoreScripts: true }))).toMatchObject({ status: 0 });
    expect(outcome(other.run('npx', ['lp-reg', 'inspect']))).toMatchObject({ status: 0, stderr: '' });
  } finally {
    other.remove();
  }
});

test.each(['esm', 'cjs'] as const)(
  '%s consumer: golden vectors pass through the installed package',
  async (format) => {
    const program = `golden.${format === 'esm' ? 'mjs' : 'cjs'}`;
    await bundleGoldenConsumer(format, join(project.folder, program));
    const { status, stdout, stderr } = project.run('node', [program, ...vectorNames()]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ compared: 44, violations: [] });
  },
);

test('its declarations carry the docstrings of what they declare', () => {
  const sources = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  const missing = sources.flatMap((path) => {
    const declarations = readFileSync(project.installed(`dist/${path.slice(0, -'.ts'.length)}.d.ts`), 'utf8');
    const source = readFileSync(join(root, 'lib', path), 'utf8');
    const docstrings = source.match(/^\/\*\*(?:(?!\*\/).)*\*\/(?=\nexport )/gms) ?? [];
    return docstrings.filter((text) => !declarations.includes(text));
  });
  expect(missing).toEqual([]);
});

describe('TypeScript consumer', () => {
  const program = `
    import { inspect, PolicyLoss, type LossAndGradient, type PolicyLossBatch, type Tensor } from 'lp-reg';
    const logits = { data: new Float32Array(12), dtype: 'float32', shape: [1, 3, 4] } as const;
    const batch: PolicyLossBatch = {
      logits,
      actions: new Int32Array(3),
      oldLogProbs: new Float32Array(3).fill(-1),
      advantages: new Float32Array(3).fill(1),
    };
    const result: LossAndGradient<'logProbs', Tensor> = new PolicyLoss({ objective: 'grpo' }).forwardBackwardSync(batch);
    // @ts-expect-error: an objective that does not exist
    const wrong = () => new PolicyLoss({ objective: 'grop' });
    console.log(typeof wrong, Number.isFinite(result.loss), inspect().addonOrigin);
  `;

  test('it compiles under every way of resolving modules, and runs', () => {
    const sources = ['consumer.mts', 'consumer.cts'];
    for (const source of sources) project.write(source, program);
    const options = { strict: true, target: 'es2022', types: [], skipLibCheck: false, outDir: 'compiled' };
    const compile = (module: string, moduleResolution: string, files: readonly string[]) => {
      const compilerOptions = { ...options, module, moduleResolution };
      return compileTypeScript(project, { compilerOptions, files });
    };
    expect(compile('node16', 'node16', sources)).toMatchObject({ status: 0, stdout: '' });
    for (const compiled of ['compiled/consumer.mjs', 'compiled/consumer.cjs']) {
      const expected = { status: 0, stdout: 'function true prebuild\n', stderr: '' };
      expect(outcome(project.run('node', [compiled]))).toEqual(expected);
    }
    expect(compile('esnext', 'bundler', ['consumer.mts'])).toMatchObject({ status: 0, stdout: '' });
  });

  test('golden vectors: their evaluation compiles against the declarations of the package, and passes', () => {
    const { compiled, program } = compileGoldenConsumer(project);
    expect(compiled).toEqual({ status: 0, stdout: '', stderr: '' });
    const { status, stdout, stderr } = project.run('node', [program, ...vectorNames()]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ compared: 44, violations: [] });
  });
});

test.each(['import', 'require'])(
  '%s of lp-reg/tfjs without TensorFlow.js: it loads, and a call says what to install',
  (how) => {
    const program = project.write(
      `peer-${how}.cjs`,
      `(async () => {
        const { differentiableLoss } = await ${how}('lp-reg/tfjs');
        differentiableLoss();
      })().catch(({ name, code, message, cause }) => console.log(name, code, message, cause.code));`,
    );
    const message =
      'lp-reg/tfjs needs TensorFlow.js 4, which could not be loaded: install @tensorflow/tfjs beside lp-reg';
    const stdout = `LpRegError ERR_PEER_DEPENDENCY ${message} MODULE_NOT_FOUND\n`;
    expect(outcome(project.run('node', [program]))).toEqual({ status: 0, stdout, stderr: '' });
  },
);

test('LPREG_LIBRARY that is relative or missing: ERR_LIBRARY names it', () => {
  for (const [path, problem] of [
    ['liblpreg.so', 'is not an absolute path'],
    [join(project.folder, 'none.so'), 'does not exist'],
  ] as const) {
    const { status, stderr } = project.run('npx', ['lp-reg', 'inspect'], { LPREG_LIBRARY: path });
    expect(status).toBe(1);
    expect(stderr).toBe(`lp-reg: ERR_LIBRARY: LPREG_LIBRARY: '${path}' ${problem}\n`);
  }
});

test('two versions in one process, and in a worker of it: each computes with its own library', () => {
  const other = new Project();
  try {
    other.install(tarballs.pack({ version: '0.0.9' }), tarballs, { ignoreScripts: true });
    const program = project.write(
      'two.cjs',
      `
      const { isMainThread, Worker } = require('node:worker_threads');
      const paths = ${JSON.stringify([project.installed(''), other.installed('')])};
      for (const path of paths) {
        const { inspect, PolicyLoss } = require(path);
        const { loss } = new PolicyLoss({ objective: 'grpo' }).forwardSync({
          logits: { data: Float32Array.of(1, 2), dtype: 'float32', shape: [1, 1, 2] },
          actions: Int32Array.of(0), oldLogProbs: Float32Array.of(-1), advantages: Float32Array.of(1),
        });
        const { version, libraryPath } = inspect();
        console.log(isMainThread, version, libraryPath.startsWith(path), loss.toFixed(3));
      }
      if (isMainThread) new Worker(__filename).on('exit', (code) => { process.exitCode = code; });
      `,
    );
    const lines = [true, false].flatMap((main) =>
      [version, '0.0.9'].map((loaded) => `${main} ${loaded} true -0.731\n`),
    );
    expect(outcome(project.run('node', [program]))).toEqual({
      status: 0,
      stdout: lines.join(''),
      stderr: '',
    });
  } finally {
    other.remove();
  }
});
