// Barriers and warp operations. Arrival is counted over the threads that still live, as the hardware does.
#include <set>
#include <utility>

#include "config.h"
#include "grid.h"

namespace lpreg::emulation {
namespace {

constexpr unsigned kAllLanes = 0xffffffffu;

using Reached = std::pair<const char*, int>;
auto& reached = *new std::set<Reached>;  // never destroyed, as in launch.cpp
Reached last_reached;

std::string text_of(const Reached& place) {
  return std::string(place.first) + ":" + std::to_string(place.second);
}

void release_block(Block* block) {
  if (block->alive == 0 || block->arrived != block->alive) return;
  block->arrived = 0;
  block->barrier_place = Place();
  ++block->generation;
}

// In memory that each cluster has anew, so that clusters are not ordered among themselves.
const void* cluster_order(uint64_t generation) { return grid.cluster.blocks[0].cluster_order.at(generation); }

void release_cluster() {
  Cluster& cluster = grid.cluster;
  if (cluster.alive == 0 || cluster.arrived != cluster.alive) return;
  cluster.arrived = 0;
  ++cluster.generation;
}

// All 32 lanes of a warp have to arrive; one that has ended or does not exist never will.
void release_warp(Warp* warp) {
  if (warp->arrived == 0) return;
  if (warp->alive != kAllLanes)
    violation("absent-lane", "a shuffle waits for a lane that has ended or does not exist");
  if (warp->arrived != kAllLanes) return;
  warp->arrived = 0;
  ++warp->generation;
}

}  // namespace

bool is_left_out(const char* file, int line) {
  if (last_reached != Reached(file, line)) {
    last_reached = {file, line};
    reached.insert(last_reached);
  }
  const std::string& left_out = config().left_out;
  return !left_out.empty() && left_out == text_of({file, line});
}

std::vector<std::string> barriers_reached() {
  std::set<std::string> texts;  // an inline function has a file name in each translation unit
  for (const Reached& barrier : reached) texts.insert(text_of(barrier));
  return {texts.begin(), texts.end()};
}

void block_barrier(const char* file, int line) {
  if (file != nullptr && is_left_out(file, line)) return;
  Block* block = grid.running->block;
  const uint64_t generation = block->generation;
  release(block->order.at(generation));
  const Place here{file, line};
  if (here.differs_from(block->barrier_place)) {
    // Its parts are freed before the fiber is left for ever.
    std::string message = "threads of one block wait at " +
                          text_of({block->barrier_place.file, block->barrier_place.line}) + " and at " +
                          text_of({file, line});
    violation("barrier-divergence", std::move(message));
  }
  block->barrier_place = here;
  ++block->arrived;
  release_block(block);
  wait_for(block->generation, generation);
  acquire(block->order.at(generation));
}

void cluster_arrive() {
  Thread* thread = grid.running;
  if (thread->cluster_arrived) violation("barrier-divergence", "a thread arrives twice at a cluster barrier");
  release(cluster_order(grid.cluster.generation));
  thread->cluster_arrived = true;
  thread->awaited_value = grid.cluster.generation;
  ++grid.cluster.arrived;
  release_cluster();
}

void cluster_wait() {
  Thread* thread = grid.running;
  if (!thread->cluster_arrived)
    violation("barrier-divergence", "a thread waits at a cluster barrier without arriving");
  thread->cluster_arrived = false;
  const uint64_t generation = thread->awaited_value;
  wait_for(grid.cluster.generation, generation);
  acquire(cluster_order(generation));
}

uint64_t warp_shuffle(uint64_t value, unsigned source) {
  Thread* thread = grid.running;
  Warp* warp = thread->warp;
  const uint64_t generation = warp->generation;
  uint64_t* values = warp->values[generation & 1];  // two, as a lane may be one shuffle ahead of another
  values[thread->place.lane] = value;
  warp->arrived |= 1u << thread->place.lane;
  release_warp(warp);
  wait_for(warp->generation, generation);
  return values[source];
}

void thread_ended(Thread* thread) {
  Block* block = thread->block;
  Warp* warp = thread->warp;
  Cluster& cluster = grid.cluster;
  if (thread->cluster_arrived) --cluster.arrived;
  --block->alive;
  --cluster.alive;
  warp->alive &= ~(1u << thread->place.lane);
  if (block->alive == 0 && block->last_remote_access == cluster.generation + 1) {
    violation("cluster-early-exit",
              "a CTA ended with no cluster barrier after another CTA's access to its shared memory");
  }
  release_warp(warp);
  release_block(block);
  release_cluster();
}

}  // namespace lpreg::emulation
