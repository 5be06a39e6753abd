// A context's own threads. Affinity- and cgroup-aware; no OpenMP, no libuv pool.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace lpreg::cpu {

// Threads that the affinity mask and the cgroup's CPU quota (v1 and v2) allow, at least 1.
int usable_threads();

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // >= 1; the calling thread is one of them, so threads - 1 are started
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  // Waits for a loop under way, then changes the size. Throws std::system_error when a thread cannot be
  // started (the pool then keeps a size that works).
  void set_threads(int threads);

  // Calls body(begin, end, slot) over disjoint blocks of [0, count) of at most `grain` items; slot <
  // threads() names the executing thread's scratch. Stops handing out blocks once body returns false; returns
  // whether all blocks ran. body must not throw. When the pool is busy with another loop, the caller does the
  // whole loop alone as slot 0.
  bool parallel_for(int64_t count, int64_t grain, const std::function<bool(int64_t, int64_t, int)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lpreg::cpu
