/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Fused policy losses of reinforcement learning with verifiable rewards (Lp-Reg, GRPO, GSPO and others) over
 * the logits of a language model.
 *
 * @module lp-reg
 */
export { LpRegError, type LpRegErrorCode, type LpRegErrorDetails, type LpRegErrorStatus } from './errors.js';
export type { ForwardOptions, KeepOption } from './loss/call-options.js';
export type { BackwardOptions, GradientOptions } from './loss/gradient.js';
export type { LossAndGradient, LossResult, LossValues } from './loss/loss-result.js';
export type { LossMetrics } from './loss/metrics.js';
export type { ObjectiveField, ObjectiveResult } from './loss/objective.js';
export { PolicyLoss } from './loss/policy-loss.js';
export * as presets from './loss/presets.js';
export {
  type ShardCounts,
  type ShardLayout,
  shardCounts,
  type WholeBatchFacts,
  wholeBatch,
} from './loss/shard-counts.js';
export { type JoinedShards, joinShards, type ShardBatch } from './loss/shards.js';
export {
  type ProxySnapshotOptions,
  proxySnapshot,
  proxySnapshotSync,
  type SnapshotResult,
} from './loss/snapshot.js';
export type {
  DefaultTokenField,
  DeviceTokenArrays,
  TokenArrays,
  TokenField,
  TokenResults,
} from './loss/token-fields.js';
export {
  type ActionStatsBatch,
  type TokenCotangents,
  type TokenStats,
  tokenStats,
  tokenStatsSync,
} from './loss/token-stats.js';
export type { TokenStatsOptions, TokenStatsProxy } from './loss/token-stats-options.js';
export type { AddonOrigin } from './native/addon-files.js';
export { getThreads, setThreads } from './native/context.js';
export {
  DeviceArray,
  type DeviceOptions,
  type HostArray,
  type WrappedPointer,
} from './native/device-array.js';
export { inspect } from './native/inspect.js';
export type { CudaReport, DeviceReport, InspectReport } from './native/inspect-types.js';
export type { JobOptions, Progress } from './native/jobs.js';
export type * from './options/option-types.js';
export type {
  DeviceObjectiveBatch,
  DevicePolicyLossBatch,
  DeviceTokenStatsBatch,
  ObjectiveBatch,
  ObjectiveInputs,
  PolicyLossBatch,
  TokenStatistics,
  TokenStatsBatch,
} from './tensors/batch.js';
export type { DeviceData, DeviceDtype } from './tensors/device-data.js';
export type { DeviceProxySnapshot, ProxySnapshot } from './tensors/proxy-snapshot.js';
export type {
  AnyTensor,
  DeviceTensor,
  Float16ArrayLike,
  OnDevice,
  Tensor,
  TensorData,
  TensorDtype,
} from './tensors/tensor.js';
