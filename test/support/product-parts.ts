/** The per-token operation, the scalar stage and the vector-Jacobian product, put together to a whole loss. */
import {
  type Filter,
  type ObjectiveBatch,
  PolicyLoss,
  type TokenField,
  type TokenStatsOptions,
  tokenStatsSync,
} from '../../lib/index.js';
import { type Evaluation, FIELD_NAMES } from './product.js';
import { DTYPES, type ProductCase } from './product-case.js';
import type { GradientType } from './tolerance.js';

/** Options that some of the losses have. */
interface LpRegFields {
  temperature?: number;
  softcap?: number;
  filter?: Filter;
  proxy?: string;
}

/** What `tokenStats` has to know of a loss. A stored proxy is not taken from the logits, so there it has none. */
export function rowOptions({ options }: ProductCase): TokenStatsOptions {
  const { temperature, softcap, filter, proxy } = options as LpRegFields;
  const common = { temperature, softcap };
  return proxy === undefined || proxy === 'stored'
    ? common
    : ({ ...common, proxy, filter } as TokenStatsOptions);
}

/** Every statistic of the rows that the vectors or the scalar stage know. */
export function statisticsOf({ options }: ProductCase): TokenField[] {
  const { proxy } = options as { proxy?: string };
  const own: TokenField[] = ['logProbs', 'entropy', 'actionIsMax'];
  if (proxy === undefined || proxy === 'stored') return own;
  return [...own, 'logKeptMass', 'proxyLogProbs', 'kl', 'keepCount'];
}

/** `tokenStats`, `objective` and the way back. */
export function inParts(given: ProductCase, gradient?: GradientType): Evaluation {
  const { logits, oldLogits, proxySnapshot, actions, ...scalars } = given.batch;
  const rows = { logits, actions, mask: scalars.mask, oldLogits, proxySnapshot };
  const stats = tokenStatsSync(rows, { ...rowOptions(given), outputs: statisticsOf(given) });
  const objective: ObjectiveBatch = {
    ...scalars,
    shape: scalars.cuSeqLens === undefined ? (logits.shape.slice(0, 2) as [number, number]) : undefined,
    tokens: stats.tokens,
  };
  const result = new PolicyLoss(given.options).objectiveSync(objective);
  const { coefLogProb, coefEntropy, coefKl } = result.tokens;
  const hasKl = stats.tokens.kl !== undefined;
  const gradLogits = stats.backwardSync({
    dLogProbs: coefLogProb,
    dEntropy: coefEntropy,
    dKl: hasKl ? coefKl : undefined,
    dtype: gradient === undefined ? undefined : DTYPES[gradient],
  });
  return {
    loss: result.loss,
    metrics: { ...result.metrics } as unknown as Record<string, number>,
    tokens: named({ ...storedProxy(given), ...stats.tokens, ...result.tokens }),
    gradient: gradLogits,
  };
}

/** Stored proxies are the caller's own; the other two forms give them back, with 0 where the mask is 0. */
function storedProxy({ batch }: ProductCase): object {
  const { proxyLogProbs, mask } = batch;
  return { proxyLogProbs: proxyLogProbs?.map((value, token) => (mask?.[token] === 0 ? 0 : value)) };
}

/** The arrays that the vectors know. */
function named(tokens: object): Evaluation['tokens'] {
  const known = Object.entries(tokens).filter(
    ([field, array]) => Object.hasOwn(FIELD_NAMES, field) && array !== undefined,
  );
  return Object.fromEntries(known);
}
