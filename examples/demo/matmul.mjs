// A product whose gradient transposes first: the WebAssembly backend is several times slower with its transpose flags.
import * as tf from '@tensorflow/tfjs';

/** `[n, k] x [k, m]`. */
export const matMul = tf.customGrad((a, b, save) => {
  save([a, b]);
  const gradFunc = (dy, [left, right]) => [
    tf.matMul(dy, tf.transpose(right)),
    tf.matMul(tf.transpose(left), dy),
  ];
  return { value: tf.matMul(a, b), gradFunc };
});
