/** Statistics of every valid row: the tensors that the statistics pass over the logits produces (SEMANTICS §1). */
import { type ReferenceInput, validTokens } from './case.js';
import type { Margins } from './margins.js';
import { buildProxy, klFromProxy, type ProxyDistribution, proxyLogProb } from './proxy.js';
import { largest, type Row, readRow } from './row.js';

/** Per-token arrays `[B*T]`; masked positions hold 0. */
export interface TokenStatistics {
  logp: Float64Array;
  entropy: Float64Array;
  /** 1 where the sampled token is a maximiser of its current row. */
  isMaximiser: Uint8Array;
  /** Absent where the loss has no proxy. */
  proxyLogp?: Float64Array;
  /** Only with a proxy from current or old logits, like the three fields below. */
  logKeptMass?: Float64Array;
  kl?: Float64Array;
  keepCount?: Int32Array;
  actionKept?: Uint8Array;
}

/** A proxy and the row that it was built from. */
export interface RowProxy {
  proxy: ProxyDistribution;
  row: Row;
}

export function rowAt(input: ReferenceInput, logits: Float32Array | Float64Array, token: number): Row {
  const { V, temperature, softcap } = input.meta;
  return readRow(logits.subarray(token * V, token * V + V), temperature, softcap);
}

/** The proxies of all valid rows, built from the logits that `filter.source` names; undefined for stored ones or none. */
export function buildProxies(input: ReferenceInput, rows: Row[], margins: Margins): RowProxy[] | undefined {
  const { filter, temperature } = input.meta;
  if (filter === null || filter.source === 'stored') return undefined;
  const proxies: RowProxy[] = [];
  for (const token of validTokens(input)) {
    const row =
      filter.source === 'old' ? rowAt(input, input.oldLogits as Float32Array, token) : (rows[token] as Row);
    proxies[token] = { proxy: buildProxy(row, filter, temperature, margins), row };
  }
  return proxies;
}

/** KL(q || p); exactly `-log Z` where q is the filtered current row. */
function klOf({ proxy, row }: RowProxy, current: Row): number {
  return row === current && proxy.fallback !== 'uniform'
    ? 0 - proxy.logKeptMass
    : klFromProxy(proxy, row, current);
}

function noteMaximiserMargin(row: Row, action: number, margins: Margins): void {
  if (row.saturated) margins.note('maximiser', 0);
  margins.noteUnlessTied('maximiser', largest(row.capped) - (row.capped[action] as number));
}

function plainStatistics(input: ReferenceInput, rows: Row[], margins: Margins): TokenStatistics {
  const size = input.mask.length;
  const statistics = {
    logp: new Float64Array(size),
    entropy: new Float64Array(size),
    isMaximiser: new Uint8Array(size),
  };
  for (const token of validTokens(input)) {
    const row = rows[token] as Row;
    const action = input.actions[token] as number;
    statistics.logp[token] = row.logProbs[action] as number;
    statistics.entropy[token] = row.entropy;
    statistics.isMaximiser[token] = row.capped[action] === largest(row.capped) ? 1 : 0;
    if (input.meta.loss === 'lp-reg-kept') noteMaximiserMargin(row, action, margins);
  }
  return statistics;
}

function withProxies(
  input: ReferenceInput,
  rows: Row[],
  proxies: RowProxy[],
  plain: TokenStatistics,
): TokenStatistics {
  const size = input.mask.length;
  const proxyLogp = new Float64Array(size);
  const logKeptMass = new Float64Array(size);
  const kl = new Float64Array(size);
  const keepCount = new Int32Array(size);
  const actionKept = new Uint8Array(size);
  for (const token of validTokens(input)) {
    const { proxy, row } = proxies[token] as RowProxy;
    const action = input.actions[token] as number;
    proxyLogp[token] = proxyLogProb(proxy, row, action);
    logKeptMass[token] = proxy.logKeptMass;
    kl[token] = klOf({ proxy, row }, rows[token] as Row);
    keepCount[token] = proxy.keepCount;
    actionKept[token] = proxy.keptSet[action] as number;
  }
  return { ...plain, proxyLogp, logKeptMass, kl, keepCount, actionKept };
}

function storedProxyLogp(input: ReferenceInput): Float64Array {
  const stored = input.storedProxyLogp as Float32Array;
  return Float64Array.from(stored, (value, token) => (input.mask[token] === 1 ? value : 0));
}

export function tokenStatistics(
  input: ReferenceInput,
  rows: Row[],
  proxies: RowProxy[] | undefined,
  margins: Margins,
): TokenStatistics {
  const plain = plainStatistics(input, rows, margins);
  if (proxies !== undefined) return withProxies(input, rows, proxies, plain);
  if (input.meta.filter?.source === 'stored') return { ...plain, proxyLogp: storedProxyLogp(input) };
  return plain;
}
