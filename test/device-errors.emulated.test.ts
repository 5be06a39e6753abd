/**
 * A call of the CUDA runtime that fails becomes a typed error, nothing is consumed by it, and the next call works; after
 * an error that takes the device along every later call says so, and the CPU goes on.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { type Ended, runScript } from './support/child.js';
import { describeOnDevice, isEmulated } from './support/emulated-device.js';

/** Evaluates twice, on tensors of the host and of the device; each line is an outcome. */
const EVALUATE_TWICE = `
  const loss = (backend = 'cuda') => new lpreg.PolicyLoss({ objective: 'lp-reg', backend });
  const onDevice = (given) => {
    const data = lpreg.DeviceArray.from(given.logits.data, 'float32');
    return { ...given, logits: { ...given.logits, data } };
  };
  const calls = {
    host: () => {
      const given = batch(2, 3, 5);
      return loss().forwardBackwardSync(given, { into: given.logits });
    },
    device: () => loss().forwardBackwardSync(onDevice(batch(2, 3, 5))),
  };
  const failed = (error) => {
    if (!(error instanceof lpreg.LpRegError)) throw error;
    return [error.code, error.status, error.argument, /lost to this process/.test(error.message) ? 'lost' : ''].join(' ').trimEnd();
  };
  const outcome = (call) => {
    try {
      return call();
    } catch (error) {
      return failed(error);
    }
  };
  const evaluate = calls[process.argv[1]];
  if (evaluate !== undefined) for (const call of [evaluate, evaluate]) console.log(outcome(() => call().backend));
`;

const OUT_OF_MEMORY = 2;
const INVALID_VALUE = 1;
const ILLEGAL_ADDRESS = 700;
const LAUNCH_FAILURE = 719;

const CALLS = ['current_device', 'device_facts', 'allocate', 'copy_to_device', 'synchronize', 'copy_to_host'];
const OF_STAGING = ['allocate_pinned', 'create_stream'];

function runWith(failure: string, script: string, args: readonly string[] = []): Ended {
  process.env.LPREG_EMULATION = `fail=${failure}`;
  const ended = runScript(script, [], args);
  delete process.env.LPREG_EMULATION;
  return ended;
}

const evaluateWith = (failure: string, place: string): Ended => runWith(failure, EVALUATE_TWICE, [place]);

describeOnDevice('failures of the runtime', () => {
  beforeAll(() => {
    expect(evaluateWith('allocate@0:1', 'host').stdout).toBe('cuda\ncuda\n');
  });

  test
    .runIf(isEmulated)
    .each([
      ...[...CALLS, ...OF_STAGING].map((call) => [call, 'host']),
      ...CALLS.map((call) => [call, 'device']),
    ])('%s, tensors of the %s', (call = '', place = '') => {
    for (const at of [1, 2]) {
      const inMemory = evaluateWith(`${call}@${at}:${OUT_OF_MEMORY}`, place);
      // What is called once cannot fail a second time.
      if (at === 2 && inMemory.stdout === 'cuda\ncuda\n') continue;
      expect(inMemory).toMatchObject({ status: 0, stdout: 'ERR_OUT_OF_MEMORY untouched device\ncuda\n' });
    }
    const other = evaluateWith(`${call}@1:${INVALID_VALUE}`, place);
    expect(other).toMatchObject({ status: 0, stdout: 'ERR_DEVICE untouched device\ncuda\n' });
  });

  describe.runIf(isEmulated)('of a launch', () => {
    test.each(['host', 'device'])('a kernel that cannot be started, tensors of the %s', (place) => {
      const failed = evaluateWith(`launch@1:${INVALID_VALUE}`, place);
      expect(failed).toMatchObject({ status: 0, stdout: 'ERR_DEVICE untouched device\ncuda\n' });
    });

    test('one of the later kernels, out of place: the logits are as they were', () => {
      const ended = runWith(
        `launch@4:${INVALID_VALUE}`,
        `${EVALUATE_TWICE}
        const given = batch(2, 3, 5);
        const before = given.logits.data.slice();
        const at = onDevice(given);
        console.log(outcome(() => loss().forwardBackwardSync(at).backend));
        console.log(at.logits.data.download().every((value, i) => value === before[i]));
        console.log(outcome(() => loss().forwardBackwardSync(at).backend));`,
      );
      expect(ended).toMatchObject({ status: 0, stdout: 'ERR_DEVICE untouched device\ntrue\ncuda\n' });
    });
  });

  describe.runIf(isEmulated)('that take the device along', () => {
    const LOST = 'ERR_DEVICE untouched device lost';

    test.each([
      ['a launch failure', LAUNCH_FAILURE, 'host'],
      ['a launch failure', LAUNCH_FAILURE, 'device'],
      ['an illegal address', ILLEGAL_ADDRESS, 'host'],
      ['an illegal address', ILLEGAL_ADDRESS, 'device'],
    ])('%s (%i) of a kernel, tensors of the %s: every later call says so', (_, code, place) => {
      for (const at of [1, 2]) {
        const ended = evaluateWith(`kernel@${at}:${code}`, place);
        expect(ended).toMatchObject({ status: 0, signal: null, stderr: '' });
        expect(ended.stdout).toMatch(/^(ERR_DEVICE \w+ device lost\n){2}$/);
      }
    });

    test.each(['synchronize', 'copy_to_host', 'allocate', 'launch'])('%s answers with it', (call) => {
      for (const place of ['host', 'device']) {
        const ended = evaluateWith(`${call}@1:${LAUNCH_FAILURE}`, place);
        expect(ended).toMatchObject({ status: 0, stdout: `${LOST}\n${LOST}\n` });
      }
    });

    test('everything that needs the device says so, what does not goes on, and the process ends in peace', () => {
      const ended = runWith(
        `kernel@1:${LAUNCH_FAILURE}`,
        `${EVALUATE_TWICE}
        const { DeviceArray, tokenStatsSync, proxySnapshotSync, inspect } = lpreg;
        const given = batch(2, 3, 5);
        const earlier = DeviceArray.from(given.logits.data, 'float32');
        const logits = { ...given.logits, data: earlier };
        const report = async () => {
          console.log(outcome(() => loss().forwardBackwardSync({ ...given, logits }).backend));
          const calls = {
            host: () => loss().forwardSync(given),
            again: () => loss().forwardSync({ ...given, logits }),
            stats: () => tokenStatsSync({ logits, actions: given.actions }),
            snapshot: () => proxySnapshotSync(given.logits, { filter: { kind: 'min-p', kappa: 0.1 }, backend: 'cuda' }),
            allocate: () => DeviceArray.allocate('float32', 4),
            upload: () => earlier.upload(given.logits.data),
            download: () => earlier.download(),
          };
          for (const [name, call] of Object.entries(calls)) console.log(name, outcome(call));
          console.log('later', await loss().forward({ ...given, logits }).catch(failed));
          console.log('auto', loss('auto').forwardSync(given).backend);
          console.log('cpu', loss('cpu').forwardBackwardSync(given).backend);
          console.log('inspect', inspect().backends.cuda.devices.map(({ name, reason }) => [name, /lost to this process/.test(reason)]).join());
          earlier.dispose();
          console.log('disposed', outcome(() => earlier.download()));
        };
        report();`,
      );
      const needDevice = ['host', 'again', 'stats', 'snapshot', 'allocate', 'upload', 'download', 'later'];
      expect(ended).toMatchObject({ status: 0, signal: null, stderr: '' });
      const lines = ended.stdout.trim().split('\n');
      expect(lines.slice(0, 1 + needDevice.length)).toEqual([
        LOST,
        ...needDevice.map((name) => `${name} ${LOST}`),
      ]);
      expect(lines.slice(1 + needDevice.length)).toEqual([
        'auto cpu',
        'cpu cpu',
        'inspect ,true',
        expect.stringMatching(/^disposed ERR_DISPOSED/),
      ]);
    });
  });
});
