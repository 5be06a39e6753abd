import type * as tensorflow from '@tensorflow/tfjs-core';
import { LpRegError } from '../../errors.js';

let loaded: typeof tensorflow | undefined;

/**
 * TensorFlow.js, which the user of this adapter installs. Loaded on first use: Node 20 ends the process when an
 * `import()` of a module fails that is no ES module, even if the failure is caught.
 * @throws {LpRegError} `ERR_PEER_DEPENDENCY` where it does not load.
 */
export function tf(): typeof tensorflow {
  loaded ??= load();
  return loaded;
}

function load(): typeof tensorflow {
  try {
    // Written out, so that bundlers see it.
    return require('@tensorflow/tfjs-core');
  } catch (cause) {
    const message =
      'lp-reg/tfjs needs TensorFlow.js 4, which could not be loaded: install @tensorflow/tfjs beside lp-reg';
    throw new LpRegError('ERR_PEER_DEPENDENCY', message, { cause });
  }
}
