// State of the cluster under execution; shared by the scheduler, the barriers and shared memory.
#pragma once

#include <cstring>
#include <vector>

#include "execution.h"

namespace lpreg::emulation {

constexpr unsigned kWarpSize = 32;
constexpr unsigned kMaxThreads = 1024;
constexpr unsigned kMaxCluster = 16;
constexpr int kMaxSharedArrays = 128;  // nvcc makes one of each member of a shared struct

struct Warp {
  unsigned alive = 0, arrived = 0;  // bits of lanes
  uint64_t generation = 0;
  uint64_t values[2][kWarpSize];
};

struct Place {
  const char* file = nullptr;  // NULL: not known
  int line = 0;
  bool differs_from(const Place& other) const {
    return file != nullptr && other.file != nullptr &&
           (line != other.line || std::strcmp(file, other.file) != 0);
  }
};

// What a barrier puts in order, for the race detector: each has one of two objects, in turn. With one alone,
// who wakes late would also be ordered after those who have arrived at the next barrier already.
struct BarrierOrder {
  char of_barrier[2];
  const void* at(uint64_t generation) const { return &of_barrier[generation % 2]; }
};

struct Block {
  char* shared = nullptr;
  bool declared[kMaxSharedArrays] = {};
  unsigned alive = 0, arrived = 0;
  uint64_t generation = 0;
  BarrierOrder order, cluster_order;
  Place barrier_place;
  std::vector<Warp> warps;
  uint64_t last_remote_access = 0;  // cluster generation + 1 of it; 0: none
};

struct Thread {
  ThreadPlace place;
  Fiber fiber;
  Block* block;
  Warp* warp;
  unsigned index;  // in the block
  bool ended;
  bool cluster_arrived;
  const uint64_t* awaited;  // waits while *awaited == awaited_value; null: ready
  uint64_t awaited_value;
};

struct SharedArray {
  const void* key;
  size_t offset, bytes;
};

struct Cluster {
  std::vector<Block> blocks;
  unsigned alive = 0, arrived = 0;
  uint64_t generation = 0;
};

struct Grid {
  LaunchShape shape;
  Report report;
  Cluster cluster;
  SharedArray arrays[kMaxSharedArrays];  // the same layout in every CTA
  int array_count;
  size_t shared_bytes;
  Thread* running;
};
extern Grid& grid;

// Gives way until *generation differs from `value`.
void wait_for(const uint64_t& generation, uint64_t value);
// Wakes whoever waited for a thread that has ended.
void thread_ended(Thread* thread);

void prepare_shared(Block* block);
void recycle_shared();  // at the end of a cluster
void finish_shared();   // at the end of a launch

}  // namespace lpreg::emulation
