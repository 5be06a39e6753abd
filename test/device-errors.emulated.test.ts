/** A call of the CUDA runtime that fails becomes a typed error, nothing is consumed by it, and the next call works. */
import { beforeAll, expect, test } from 'vitest';
import { type Ended, runScript } from './support/child.js';
import { describeOnDevice, isEmulated } from './support/emulated-device.js';

/** Evaluates twice, on tensors of the host and of the device; each line is an outcome. */
const EVALUATE_TWICE = `
  const loss = () => new lpreg.PolicyLoss({ objective: 'lp-reg', backend: 'cuda' });
  const calls = {
    host: () => {
      const given = batch(2, 3, 5);
      return loss().forwardBackwardSync(given, { into: given.logits });
    },
    device: () => {
      const given = batch(2, 3, 5);
      const data = lpreg.DeviceArray.from(given.logits.data, 'float32');
      return loss().forwardBackwardSync({ ...given, logits: { ...given.logits, data } });
    },
  };
  for (const call of [calls[process.argv[1]], calls[process.argv[1]]]) {
    try {
      console.log(call().backend);
    } catch (error) {
      if (!(error instanceof lpreg.LpRegError)) throw error;
      console.log(error.code, error.status, error.argument);
    }
  }
`;

const OUT_OF_MEMORY = 2;
const INVALID_VALUE = 1;

const CALLS = ['current_device', 'device_facts', 'allocate', 'copy_to_device', 'synchronize', 'copy_to_host'];
const OF_STAGING = ['allocate_pinned', 'create_stream'];

describeOnDevice('failures of the runtime', () => {
  function evaluateWith(failure: string, place: string): Ended {
    process.env.LPREG_EMULATION = `fail=${failure}`;
    const ended = runScript(EVALUATE_TWICE, [], [place]);
    delete process.env.LPREG_EMULATION;
    return ended;
  }

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
});
