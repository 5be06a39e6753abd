#include "plan.h"

namespace lpreg::cuda {
namespace {

constexpr int64_t kFewestThreads = 128;
constexpr int64_t kBytesPerThread = 64;  // at least two 16-byte loads in flight and two rounds of them
// Static shared memory of a row kernel, and what the runtime keeps.
constexpr int64_t kReservedShared = 6 * 1024;

int row_threads(const DeviceFacts& facts, int64_t bytes) {
  if (facts.forced_threads != 0)
    return facts.forced_threads < kRowThreads ? facts.forced_threads : kRowThreads;
  int threads = kFewestThreads;
  while (threads < kRowThreads && threads * kBytesPerThread < bytes) threads *= 2;
  return threads < kRowThreads ? threads : kRowThreads;
}

int64_t aside_bytes(int threads) { return int64_t{threads} * kAsidePerThread * 4; }

// Bytes of the longest part of a row among `cluster` blocks, in whole 16-byte packs.
int64_t part_bytes(int64_t vocab, int64_t element_size, int cluster) {
  return ((vocab + cluster - 1) / cluster * element_size + 15) / 16 * 16;
}

int64_t row_shared_bytes(const DeviceFacts& facts, int64_t part) {
  return part + aside_bytes(row_threads(facts, part));
}

// The smallest cluster whose blocks leave room for a second one on their multiprocessor, so that one row is
// read while another is computed; failing that, one that fits at all; 0: none does.
int cluster_size(const DeviceFacts& facts, int64_t vocab, int64_t element_size) {
  const int largest = facts.has_clusters ? kMaxCluster : 1;
  for (int blocks_at_once = 2; blocks_at_once > 0; --blocks_at_once) {
    const int64_t room = facts.shared_per_block / blocks_at_once - kReservedShared;
    for (int cluster = 1; cluster <= largest; cluster *= 2) {
      if (row_shared_bytes(facts, part_bytes(vocab, element_size, cluster)) <= room) return cluster;
    }
  }
  return 0;
}

size_t shared_limit(const DeviceFacts& facts) {
  return static_cast<size_t>(facts.shared_per_block - kReservedShared);
}

// `cluster`, or 0 where its blocks cannot hold the row.
int fitting(const DeviceFacts& facts, int64_t vocab, int64_t element_size, int cluster) {
  const int64_t bytes = row_shared_bytes(facts, part_bytes(vocab, element_size, cluster));
  return bytes <= facts.shared_per_block - kReservedShared ? cluster : 0;
}

}  // namespace

LaunchShape several_sweeps_shape(const DeviceFacts& facts, int64_t rows, int64_t vocab,
                                 int64_t element_size) {
  const int cluster = facts.forced_cluster < 0   ? 0
                      : facts.forced_cluster > 0 ? fitting(facts, vocab, element_size, facts.forced_cluster)
                                                 : cluster_size(facts, vocab, element_size);
  if (cluster == 0) {
    LaunchShape streamed = one_sweep_shape(facts, rows, vocab, element_size);
    streamed.shared_bytes = static_cast<size_t>(aside_bytes(streamed.threads));
    streamed.shared_limit = shared_limit(facts);
    return streamed;
  }
  const int64_t bytes = part_bytes(vocab, element_size, cluster);
  LaunchShape shape{};
  shape.blocks = rows * cluster;
  shape.threads = row_threads(facts, bytes);
  shape.cluster = cluster;
  shape.shared_bytes = static_cast<size_t>(row_shared_bytes(facts, bytes));
  shape.shared_limit = shared_limit(facts);
  shape.holds_row = true;
  return shape;
}

LaunchShape one_sweep_shape(const DeviceFacts& facts, int64_t rows, int64_t vocab, int64_t element_size) {
  LaunchShape shape{};
  shape.blocks = rows;
  shape.threads = row_threads(facts, vocab * element_size);
  return shape;
}

LaunchShape per_row_shape(int64_t rows) {
  LaunchShape shape{};
  shape.threads = 128;
  const int64_t blocks = (rows + shape.threads - 1) / shape.threads;
  shape.blocks = blocks > 0 ? blocks : 1;
  return shape;
}

LaunchShape batch_shape(const DeviceFacts& facts) {
  LaunchShape shape{};
  shape.blocks = 1;
  shape.threads = facts.forced_threads == 0 || facts.forced_threads > kBatchThreads ? kBatchThreads
                                                                                    : facts.forced_threads;
  return shape;
}

}  // namespace lpreg::cuda
