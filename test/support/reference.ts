/**
 * The independent float64 reference: SEMANTICS §§1-7 written out plainly for one batch in the layout of §9.
 * It shares no code with the library and is the oracle of its tests.
 */
import { aggregationWeights } from './reference/aggregation.js';
import { type ReferenceInput, resolveHyper, validTokens } from './reference/case.js';
import { aggregationMask, type Decisions, decide, type Scene } from './reference/decisions.js';
import { sampledKl } from './reference/estimator.js';
import { Margins } from './reference/margins.js';
import { type ReferenceMetrics, referenceMetrics } from './reference/metrics.js';
import { type Row, writeRowGradient } from './reference/row.js';
import {
  buildProxies,
  type RowProxy,
  rowAt,
  type TokenStatistics,
  tokenStatistics,
} from './reference/statistics.js';
import { type TokenTerms, tokenTerms } from './reference/token-terms.js';

/** What the gradient treats as constant; given back to `referenceLoss`, it is kept while the logits move. */
export interface Frozen {
  proxies: RowProxy[] | undefined;
  decisions: Decisions;
}

/** The per-token fields of SEMANTICS §9, flat `[B*T]`; those that do not apply to the loss are absent. */
export interface TokenFields {
  logp: Float64Array;
  entropy: Float64Array;
  log_kept_mass?: Float64Array;
  proxy_logp?: Float64Array;
  kl?: Float64Array;
  token_loss: Float64Array;
  coef_logp: Float64Array;
  coef_entropy: Float64Array;
  coef_kl: Float64Array;
  weight: Float64Array;
  selected: Uint8Array;
  clipped: Uint8Array;
  dual_clipped: Uint8Array;
  candidate?: Uint8Array;
  cov?: Float64Array;
  keep_count?: Int32Array;
}

export interface ReferenceLoss {
  loss: number;
  tokens: TokenFields;
  /** Values and derivatives before weights and extras. */
  terms: TokenTerms;
  metrics: ReferenceMetrics;
  frozen: Frozen;
  /** Distance of every kind of discrete decision from its boundary. */
  margins: Margins;
}

export interface ReferenceResult extends ReferenceLoss {
  /** `dL/dlogits`, flat `[B*T*V]`. */
  grad: Float64Array;
}

interface Total {
  loss: number;
  coefLogp: Float64Array;
  coefEntropy: Float64Array;
  coefKl: Float64Array;
}

/** Adds up the weighted token losses and extras, and collects the three coefficients of SEMANTICS §2. */
function total(scene: Scene, terms: TokenTerms, weights: Float64Array): Total {
  const { input, statistics, margins } = scene;
  const { entropy_coef: entropyCoef = 0, kl_ref_coef: klRefCoef = 0, kl_ref_type } = input.meta.extras;
  const size = input.mask.length;
  const coefLogp = new Float64Array(size);
  const coefEntropy = new Float64Array(size);
  const coefKl = new Float64Array(size);
  let loss = 0;
  for (const token of validTokens(input)) {
    const weight = weights[token] as number;
    if (weight === 0) continue;
    const toReference =
      klRefCoef === 0
        ? { value: 0, slope: 0 }
        : sampledKl(
            kl_ref_type ?? 'low_var_kl',
            input.refLogp?.[token] as number,
            statistics.logp[token] as number,
            input.meta.kl_bound,
            margins,
          );
    loss +=
      weight *
      ((terms.policy[token] as number) +
        (terms.regulariser[token] as number) -
        entropyCoef * (statistics.entropy[token] as number) +
        klRefCoef * toReference.value);
    coefLogp[token] =
      weight *
      ((terms.policySlope[token] as number) +
        (terms.regulariserSlope[token] as number) +
        klRefCoef * toReference.slope);
    coefEntropy[token] = -entropyCoef * weight;
    coefKl[token] = weight * (terms.klSlope[token] as number);
  }
  return { loss, coefLogp, coefEntropy, coefKl };
}

function tokenFields(
  statistics: TokenStatistics,
  decisions: Decisions,
  terms: TokenTerms,
  weight: Float64Array,
  { coefLogp, coefEntropy, coefKl }: Total,
): TokenFields {
  return {
    logp: statistics.logp,
    entropy: statistics.entropy,
    ...(statistics.logKeptMass && { log_kept_mass: statistics.logKeptMass }),
    ...(statistics.proxyLogp && { proxy_logp: statistics.proxyLogp }),
    ...(statistics.kl && { kl: statistics.kl }),
    ...(statistics.keepCount && { keep_count: statistics.keepCount }),
    token_loss: terms.policy.map((value, token) => value + (terms.regulariser[token] as number)),
    coef_logp: coefLogp,
    coef_entropy: coefEntropy,
    coef_kl: coefKl,
    weight,
    selected: decisions.selected,
    clipped: terms.clipped,
    dual_clipped: terms.dualClipped,
    ...(decisions.candidate && { candidate: decisions.candidate }),
    ...(decisions.cov && { cov: decisions.cov }),
  };
}

function currentRows(input: ReferenceInput): Row[] {
  const rows: Row[] = [];
  for (const token of validTokens(input)) rows[token] = rowAt(input, input.logits, token);
  return rows;
}

function lossFromRows(input: ReferenceInput, rows: Row[], frozen: Frozen | undefined): ReferenceLoss {
  const margins = new Margins();
  const proxies = frozen === undefined ? buildProxies(input, rows, margins) : frozen.proxies;
  const statistics = tokenStatistics(input, rows, proxies, margins);
  const scene: Scene = { input, hyper: resolveHyper(input.meta), statistics, margins };
  const decisions = frozen?.decisions ?? decide(scene);
  const terms = tokenTerms(scene, decisions);
  const weights = aggregationWeights(input, aggregationMask(scene, decisions));
  const sums = total(scene, terms, weights);
  return {
    loss: sums.loss,
    tokens: tokenFields(statistics, decisions, terms, weights, sums),
    terms,
    metrics: referenceMetrics(scene, decisions, terms, weights),
    frozen: { proxies, decisions },
    margins,
  };
}

/**
 * The loss and its per-token fields without the gradient. With `frozen`, proxies, selections and the constants of
 * GSPO and CISPO stay as they were: the function whose derivative SEMANTICS §2 states.
 */
export function referenceLoss(input: ReferenceInput, frozen?: Frozen): ReferenceLoss {
  return lossFromRows(input, currentRows(input), frozen);
}

/** Evaluates one batch completely. Masked rows are never read. */
export function evaluateReference(input: ReferenceInput): ReferenceResult {
  const rows = currentRows(input);
  const result = lossFromRows(input, rows, undefined);
  const { V, temperature } = input.meta;
  const grad = new Float64Array(input.logits.length);
  for (const token of validTokens(input)) {
    const coefficients = {
      logProb: result.tokens.coef_logp[token] as number,
      entropy: result.tokens.coef_entropy[token] as number,
      kl: result.tokens.coef_kl[token] as number,
    };
    const q = result.frozen.proxies?.[token]?.proxy.q;
    const out = grad.subarray(token * V, token * V + V);
    writeRowGradient(rows[token] as Row, input.actions[token] as number, temperature, coefficients, q, out);
  }
  return { ...result, grad };
}
