/** The three forms of the library, called alike: a case in, loss, per-token arrays and gradient out. */
import { PolicyLoss, type Tensor, type TokenField } from '../../lib/index.js';
import { decodeHalf } from './half.js';
import { DTYPES, type ProductCase } from './product-case.js';
import type { ActualFields, GradientType } from './tolerance.js';

/** One evaluation, whichever form computed it. */
export interface Evaluation {
  loss: number;
  metrics: Readonly<Record<string, number>>;
  tokens: Readonly<Record<string, Float32Array | Int32Array | Uint8Array>>;
  gradient: Tensor;
}

export interface EvaluationOptions {
  /** Dtype of the gradient. @default that of the logits */
  gradient?: GradientType;
  gradOutput?: number;
  /** Per-token fields to ask for. @default every field that the vectors have */
  outputs?: readonly TokenField[];
}

/** Our names of the fields that the vectors have. */
export const FIELD_NAMES = {
  logProbs: 'logp',
  entropy: 'entropy',
  logKeptMass: 'log_kept_mass',
  proxyLogProbs: 'proxy_logp',
  kl: 'kl',
  tokenLoss: 'token_loss',
  coefLogProb: 'coef_logp',
  coefEntropy: 'coef_entropy',
  coefKl: 'coef_kl',
  weight: 'weight',
  keepCount: 'keep_count',
  selected: 'selected',
  clipped: 'clipped',
  dualClipped: 'dual_clipped',
  candidate: 'candidate',
} as const satisfies { [Field in TokenField]?: string };

type NamedField = keyof typeof FIELD_NAMES;

/** Fields that apply to the case. */
function everyField({ options }: ProductCase): NamedField[] {
  const { proxy, dualClip } = options as { proxy?: string; dualClip?: number };
  const proxyFields: readonly NamedField[] = ['logKeptMass', 'kl', 'keepCount'];
  return (Object.keys(FIELD_NAMES) as NamedField[]).filter((field) => {
    if (proxyFields.includes(field)) return proxy !== undefined && proxy !== 'stored';
    if (field === 'proxyLogProbs') return proxy !== undefined;
    if (field === 'dualClipped') return dualClip !== undefined;
    return field !== 'candidate' || options.objective === 'clip-cov';
  });
}

function flat(value: object): Record<string, number> {
  return { ...value } as Record<string, number>;
}

function arrays(value: object): Evaluation['tokens'] {
  return { ...value } as Evaluation['tokens'];
}

/** `forward`, then `backward`. */
export function twoCalls(given: ProductCase, options: EvaluationOptions = {}): Evaluation {
  const { outputs = everyField(given), gradOutput } = options;
  const result = new PolicyLoss(given.options).forwardSync(given.batch, { outputs });
  const gradient = result.backwardSync({ gradOutput, dtype: dtypeOf(options) });
  return {
    loss: result.loss,
    metrics: flat(result.metrics),
    tokens: arrays(result.tokens),
    gradient,
  };
}

/** `forwardBackward` into a new tensor. */
export function oneCall(given: ProductCase, options: EvaluationOptions = {}): Evaluation {
  const { outputs = everyField(given), gradOutput } = options;
  const { loss, metrics, tokens, gradLogits } = new PolicyLoss(given.options).forwardBackwardSync(
    given.batch,
    {
      outputs,
      gradOutput,
      dtype: dtypeOf(options),
    },
  );
  return { loss, metrics: flat(metrics), tokens: arrays(tokens), gradient: gradLogits };
}

/** `forwardBackward` over a copy of the logits. */
export function inPlace(given: ProductCase, options: Omit<EvaluationOptions, 'gradient'> = {}): Evaluation {
  const { outputs = everyField(given), gradOutput } = options;
  const logits: Tensor = { ...given.batch.logits, data: copyOf(given.batch.logits) };
  const { loss, metrics, tokens, gradLogits } = new PolicyLoss(given.options).forwardBackwardSync(
    { ...given.batch, logits },
    { outputs, gradOutput, into: logits },
  );
  if (gradLogits.data !== logits.data) throw new Error('an in-place gradient lies in another tensor');
  return { loss, metrics: flat(metrics), tokens: arrays(tokens), gradient: gradLogits };
}

function copyOf({ data }: Tensor): Float32Array | Uint16Array {
  return (data as Float32Array | Uint16Array).slice();
}

function dtypeOf({ gradient }: EvaluationOptions) {
  return gradient === undefined ? undefined : DTYPES[gradient];
}

/** Elements of a gradient as numbers. */
export function numbersOf({ data, dtype }: Tensor): Float32Array {
  if (dtype === 'float32') return data as Float32Array;
  return decodeHalf(data as Uint16Array, dtype === 'float16' ? 'f16' : 'bf16');
}

/** An evaluation by the field names of the vectors. */
export function fieldsOf({ loss, tokens, gradient }: Evaluation): ActualFields {
  const named = Object.entries(tokens).map(([field, values]) => [FIELD_NAMES[field as NamedField], values]);
  return { ...Object.fromEntries(named), loss: [loss], grad: numbersOf(gradient) };
}

/** An evaluation as one flat record, for comparison bit for bit. */
export function flatten({ loss, metrics, tokens, gradient }: Evaluation): object {
  return { loss, ...metrics, ...tokens, gradient: gradient.data };
}
