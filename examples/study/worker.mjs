// Makes runs, one after the other, on one thread.
import { parentPort } from 'node:worker_threads';
import { setThreads } from 'lp-reg';
import { simulateRecurrent } from './recurrent.mjs';
import { simulate } from './simulate.mjs';

const SIMULATORS = { simulate, recurrent: simulateRecurrent };

setThreads(1); // the workers are the parallelism
parentPort.on('message', ({ simulator, options }) => parentPort.postMessage(SIMULATORS[simulator](options)));
