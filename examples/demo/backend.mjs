// TensorFlow.js on its WebAssembly backend: one thread, so that the same seed gives the same bits.
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs';

/** To be called before the first tensor. */
export async function startBackend() {
  if (!(await tf.setBackend('wasm')))
    throw new Error('the WebAssembly backend of TensorFlow.js does not start');
}
