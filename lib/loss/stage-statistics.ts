import type { ResolvedOptions } from '../options/option-types.js';
import type { TokenStatistics } from '../tensors/batch.js';
import type { TokenStatsOptions } from './token-stats-options.js';

/** Statistics that the scalar stage of a loss reads, apart from stored proxies, which are an input. */
export function stageStatistics(options: ResolvedOptions): (keyof TokenStatistics)[] {
  const statistics: (keyof TokenStatistics)[] = ['logProbs'];
  if (options.entropyCoef !== 0 || options.objective === '80-20') statistics.push('entropy');
  if (options.objective !== 'lp-reg') return statistics;
  if (options.proxy !== 'stored') statistics.push('proxyLogProbs');
  if (options.form === 'paper') statistics.push('logKeptMass', 'kl');
  if (options.form === 'kept') statistics.push('actionIsMax');
  return statistics;
}

/** Options of `tokenStats` that give a loss what its scalar stage reads, and nothing else. */
export function stageStatsOptions(options: ResolvedOptions): TokenStatsOptions<'logProbs'> {
  const { temperature, softcap, nonFinite, backend, device, stagingBytes } = options;
  const outputs = stageStatistics(options) as readonly 'logProbs'[];
  const common = { temperature, softcap, nonFinite, backend, device, stagingBytes, outputs };
  if (options.objective !== 'lp-reg' || options.proxy === 'stored') return Object.freeze(common);
  const proxy = options.proxy === 'snapshot' ? { proxy: options.proxy } : pick(options);
  return Object.freeze({ ...common, ...proxy });
}

function pick({ filter, proxy }: { filter?: unknown; proxy?: unknown }) {
  return { filter, proxy } as Extract<TokenStatsOptions, { readonly proxy?: 'current' | 'old' | undefined }>;
}
