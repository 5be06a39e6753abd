#include <algorithm>
#include <cstdio>
#include <deque>
#include <utility>

#include "config.h"
#include "grid.h"

namespace lpreg::emulation {

Grid& grid = *new Grid;  // never destroyed, as in launch.cpp
const ThreadPlace* place;

namespace {

// Apart, so that blocks are ordered after the launch and before its end, but not among themselves.
char launch_begins, launch_ends;

auto& threads = *new std::deque<Thread>;  // a deque: fibers must not move; never destroyed, as in launch.cpp

// Of a type of its own: of the standard library's generators the linker might take the copy that was compiled
// for kernels, which the race detector watches.
class RandomBits {
 public:
  using result_type = uint64_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }
  void seed(uint64_t seed) { state_ = seed; }
  result_type operator()() {  // SplitMix64
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }

 private:
  uint64_t state_ = 0;
};
RandomBits random_bits;

void (*kernel_body)(const void*);
const void* kernel_argument;

constexpr unsigned kNobody = ~0u;
struct Victim {  // whom the starving order lets wait: a CTA, or one of its warps
  unsigned block = kNobody, warp = kNobody;
  bool is(const Thread& thread) const {
    return thread.place.cluster_rank == block && (warp == kNobody || warp == thread.index / kWarpSize);
  }
};
Victim victim;

void run_kernel() {
  Fiber::entered();
  acquire(&launch_begins);
  kernel_body(kernel_argument);
  release(&launch_ends);
  Thread* thread = grid.running;
  thread->ended = true;
  thread_ended(thread);
  thread->fiber.leave_for_ever();
}

bool is_ready(const Thread& thread) {
  return thread.awaited == nullptr || *thread.awaited != thread.awaited_value;
}

bool run_if_ready(Thread* thread) {
  if (thread->ended || !is_ready(*thread)) return false;
  grid.running = thread;
  place = &thread->place;
  thread->fiber.switch_to();
  return true;
}

uint3 block_index(unsigned flat) {
  const dim3& size = grid.shape.grid;
  return {flat % size.x, flat / size.x % size.y, flat / size.x / size.y};
}

void prepare_thread(Thread* thread, unsigned rank, unsigned index, unsigned first_block) {
  const dim3& size = grid.shape.block;
  thread->place = {{index % size.x, index / size.x % size.y, index / size.x / size.y},
                   block_index(first_block + rank),
                   size,
                   grid.shape.grid,
                   rank,
                   grid.shape.cluster,
                   index % kWarpSize};
  thread->block = &grid.cluster.blocks[rank];
  thread->warp = &thread->block->warps[index / kWarpSize];
  thread->warp->alive |= 1u << (index % kWarpSize);
  thread->index = index;
  thread->ended = thread->cluster_arrived = false;
  thread->awaited = nullptr;
  thread->fiber.prepare(run_kernel);
}

void prepare_cluster(unsigned first_block, unsigned threads_per_block) {
  const unsigned blocks = grid.shape.cluster;
  grid.cluster = Cluster();
  grid.cluster.blocks.resize(blocks);
  grid.cluster.alive = blocks * threads_per_block;
  while (threads.size() < blocks * threads_per_block) threads.emplace_back();
  for (unsigned rank = 0; rank < blocks; ++rank) {
    Block& block = grid.cluster.blocks[rank];
    block.alive = threads_per_block;
    block.warps.resize((threads_per_block + kWarpSize - 1) / kWarpSize);
    prepare_shared(&block);
    for (unsigned index = 0; index < threads_per_block; ++index) {
      prepare_thread(&threads[rank * threads_per_block + index], rank, index, first_block);
    }
  }
}

void choose_victim(unsigned warps) {
  victim = Victim();
  if (config().order != Order::kStarving) return;
  victim.block = static_cast<unsigned>(random_bits() % grid.shape.cluster);
  if (grid.shape.cluster == 1 || random_bits() % 2 == 0)
    victim.warp = static_cast<unsigned>(random_bits() % warps);
}

// One pass over the threads. False: nobody could run.
bool run_pass(const std::vector<unsigned>& order, bool victims) {
  bool ran = false;
  for (const unsigned index : order) {
    if (victim.is(threads[index]) != victims) continue;
    ran |= run_if_ready(&threads[index]);
    if (!grid.report.ok()) return true;
  }
  return ran;
}

void run_cluster() {
  std::vector<unsigned> order(grid.cluster.alive);
  for (unsigned i = 0; i < order.size(); ++i) order[i] = i;
  const bool shuffled = config().order == Order::kRandom || config().order == Order::kStarving;
  if (config().order == Order::kReverse) std::reverse(order.begin(), order.end());
  while (grid.cluster.alive > 0 && grid.report.ok()) {
    if (shuffled) std::shuffle(order.begin(), order.end(), random_bits);
    if (run_pass(order, false) || run_pass(order, true)) continue;
    grid.running = nullptr;
    grid.report = {"deadlock", "every living thread waits for another"};
  }
}

std::string check_shape(const LaunchShape& shape) {
  const Device& device = config().device;
  const unsigned block = shape.block.x * shape.block.y * shape.block.z;
  if (block < 1 || block > kMaxThreads) return "a block of " + std::to_string(block) + " threads";
  if (shape.grid.x < 1 || shape.grid.y < 1 || shape.grid.z < 1) return "an empty grid";
  if (shape.grid.y > 65535 || shape.grid.z > 65535) return "more than 65535 blocks along y or z";
  if (shape.grid.x > 0x7fffffffu) return "more than 2^31 - 1 blocks along x";
  if (shape.cluster < 1 || shape.cluster > kMaxCluster || shape.grid.x % shape.cluster != 0) {
    return "a grid that is not a multiple of its clusters of " + std::to_string(shape.cluster);
  }
  if (shape.cluster > 1 && device.compute_capability < 90) return "clusters on a device that has none";
  const size_t shared_limit = shape.dynamic_limit > 0 ? shape.dynamic_limit : device.static_shared;
  if (shape.dynamic_shared > shared_limit || shared_limit > device.shared_per_block)
    return "too much dynamic shared memory";
  return "";
}

std::vector<unsigned> cluster_order() {
  const unsigned blocks = grid.shape.grid.x * grid.shape.grid.y * grid.shape.grid.z;
  std::vector<unsigned> first(blocks / grid.shape.cluster);
  for (unsigned i = 0; i < first.size(); ++i) first[i] = i * grid.shape.cluster;
  if (config().order == Order::kReverse) std::reverse(first.begin(), first.end());
  if (config().order == Order::kRandom) std::shuffle(first.begin(), first.end(), random_bits);
  return first;
}

}  // namespace

void violation(const char* kind, std::string message) {
  const ThreadPlace& at = grid.running->place;
  message += " (block " + std::to_string(at.block.x) + ", thread " + std::to_string(at.thread.x) + ")";
  // By value and moved: nobody comes back to a fiber that is left, to free what its frames own.
  grid.report = {kind, std::move(message)};
  grid.running->fiber.leave_for_ever();
  std::abort();
}

void wait_for(const uint64_t& generation, uint64_t value) {
  Thread* thread = grid.running;
  thread->awaited = &generation;
  thread->awaited_value = value;
  const Order order = config().order;
  // Who completes a barrier may go on at once or give way first: both must be right.
  const bool yields =
      order == Order::kStarving ? victim.is(*thread) : order != Order::kForward && random_bits() % 2 == 0;
  if (!is_ready(*thread) || yields) thread->fiber.switch_back();
  thread->awaited = nullptr;
}

Report execute(const LaunchShape& shape, void (*body)(const void*), const void* argument) {
  grid.shape = shape;
  const std::string refusal = check_shape(shape);
  if (!refusal.empty()) return {"launch", refusal};
  grid.report = Report();
  grid.array_count = 0;
  grid.shared_bytes = shape.dynamic_shared;
  kernel_body = body;
  kernel_argument = argument;
  random_bits.seed(config().seed);
  release(&launch_begins);
  const unsigned threads_per_block = shape.block.x * shape.block.y * shape.block.z;
  for (const unsigned first_block : cluster_order()) {
    prepare_cluster(first_block, threads_per_block);
    choose_victim((threads_per_block + kWarpSize - 1) / kWarpSize);
    run_cluster();
    for (unsigned i = 0; i < shape.cluster * threads_per_block; ++i) threads[i].fiber.forget();
    recycle_shared();
    if (!grid.report.ok()) break;
  }
  acquire(&launch_ends);
  finish_shared();
  place = nullptr;
  grid.running = nullptr;
  return grid.report;
}

}  // namespace lpreg::emulation
