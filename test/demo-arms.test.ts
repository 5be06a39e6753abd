/** Each arm of the demo trains to its end; the same seed gives the same numbers; reports stand on their own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metricsOf, runDemo, TINY } from './support/demo.js';

/** Of what trains, on a machine that is busy with other things. */
const TIMEOUT = 300_000;
const ARMS = ['grpo', 'lp-reg', 'entropy-bonus', 'clip-higher', 'kl-cov', '80-20', 'gspo'];
const folder = mkdtempSync(join(tmpdir(), 'demo-'));
const at = (name: string) => join(folder, name);
const file = (...path: string[]) => readFileSync(at(join(...path)), 'utf8');
afterAll(() => rmSync(folder, { recursive: true }));

describe('all arms, few steps', { timeout: TIMEOUT }, () => {
  const train = (out: string) =>
    runDemo(...TINY, ...ARMS.flatMap((name) => ['--objective', name]), '--out', at(out));
  beforeAll(() => {
    const { status, stdout, stderr } = train('all');
    expect({ status, stderr }).toMatchObject({ status: 0, stderr: expect.stringContaining('gspo') });
    for (const arm of ARMS) expect(stdout).toContain(arm);
  }, TIMEOUT);

  it('each arm logs its start, its steps and its end', () => {
    const lines = metricsOf(at('all'));
    for (const arm of ARMS) {
      const own = lines.filter((line) => line.arm === arm);
      const steps = own.filter(({ kind }) => kind === 'step').map(({ step }) => step);
      const evaluations = own.filter(({ kind }) => kind === 'evaluation').map(({ step }) => step);
      expect({ arm, steps, evaluations }).toEqual({ arm, steps: [1, 2, 3], evaluations: [0, 1, 2, 3] });
    }
  });

  it('all arms begin with the same policy and draw the same answers at first', () => {
    const first = metricsOf(at('all')).filter(({ step }) => step === 0);
    expect(new Set(first.map(({ pass1, passK, distinct }) => `${pass1} ${passK} ${distinct}`)).size).toBe(1);
    const steps = metricsOf(at('all')).filter(({ kind, step }) => kind === 'step' && step === 1);
    expect(new Set(steps.map(({ reward, tokens }) => `${reward} ${tokens}`)).size).toBe(1);
  });

  it('the policy that drew the answers is the one that is trained, up to rounding', () => {
    const gaps = metricsOf(at('all')).flatMap(({ rolloutGap }) =>
      rolloutGap === undefined ? [] : [rolloutGap],
    );
    expect(gaps).toHaveLength(3 * ARMS.length);
    for (const gap of gaps) expect(gap).toBeLessThan(1e-5);
  });

  it('the same seed gives the same metrics, bit for bit', () => {
    expect(train('again').status).toBe(0);
    expect(file('again', 'metrics.jsonl')).toBe(file('all', 'metrics.jsonl'));
  });

  it('the report is one page without scripts or external resources', () => {
    const page = file('all', 'demo-report.html');
    expect(page).not.toMatch(/<script|<link|<img|https?:|@import|url\(/);
    for (const title of ['Reward', 'Entropy', 'pass@1', 'pass@8', 'Protected tokens', 'gspo: late']) {
      expect(page).toContain(`>${title}<`);
    }
  });
});

describe('overlay', { timeout: TIMEOUT }, () => {
  beforeAll(() => {
    const seeds = (...numbers: string[]) => numbers.flatMap((seed) => ['--seed', seed]);
    expect(runDemo(...TINY, ...seeds('1', '2'), '--objective', 'grpo', '--out', at('a')).status).toBe(0);
    const kept = ['--objective', 'lp-reg', '--form', 'kept', '--beta', '4'];
    expect(runDemo(...TINY, ...seeds('2', '1'), ...kept, '--out', at('b')).status).toBe(0);
  }, TIMEOUT);

  it('several seeds of an arm are shown with their interval, and paired with those of GRPO', () => {
    const { status, stdout } = runDemo('report', at('a'), at('b'), '--out', at('both'));
    expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining('±') });
    const page = file('both', 'demo-report.html');
    expect(page).toContain('2 seeds, band: 95 % interval');
    expect(page).toMatch(/<polygon[^>]*band arm1/);
    const { arms } = JSON.parse(file('both', 'summary.json'));
    expect(arms.map(({ arm }: { arm: string }) => arm)).toEqual(['grpo', 'lp-reg, form kept, beta 4']);
    expect(arms[1].minusGrpo.entropy).toMatchObject({ n: 2, half: expect.any(Number) });
  });

  it('a run twice, or of other settings, is an error', () => {
    const twice = runDemo('report', at('a'), at('a'), '--out', at('x'));
    expect(twice).toMatchObject({ status: 1, stderr: expect.stringContaining('two runs of it') });
    expect(runDemo(...TINY, '--steps', '2', '--objective', 'gspo', '--out', at('c')).status).toBe(0);
    const other = runDemo('report', at('a'), at('c'), '--out', at('x'));
    expect(other).toMatchObject({ status: 1, stderr: expect.stringContaining('settings') });
  });

  it('a folder without a run is an error', () => {
    const { status, stderr } = runDemo('report', at('nothing'), '--out', at('x'));
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no metrics.jsonl'),
    });
  });
});
