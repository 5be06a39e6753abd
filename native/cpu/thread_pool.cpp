#include "thread_pool.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace lpreg::cpu {
namespace {

using Body = std::function<bool(int64_t, int64_t, int)>;

// One parallel_for: its blocks are handed out in order, whoever comes first, and become smaller towards the
// end so that all threads finish together.
class Loop {
 public:
  Loop(int64_t count, int64_t grain, int threads, const Body& body)
      : count_(count), grain_(grain), shares_(int64_t{2} * threads), body_(body) {}

  // Works until no block is left or body has returned false. A body that throws stops the loop; finish()
  // rethrows.
  void work(int slot) noexcept {
    try {
      while (!stopped_.load(std::memory_order_relaxed)) {
        int64_t begin = next_.load(std::memory_order_relaxed);
        int64_t end = 0;
        do {
          if (begin >= count_) return;
          end = begin + std::clamp<int64_t>((count_ - begin) / shares_, 1, grain_);
        } while (!next_.compare_exchange_weak(begin, end, std::memory_order_relaxed));
        if (!body_(begin, end, slot)) stopped_.store(true, std::memory_order_relaxed);
      }
    } catch (...) {
      stopped_.store(true, std::memory_order_relaxed);
      const std::lock_guard<std::mutex> lock(failure_mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  // After every thread has left work().
  bool finish() const {
    if (failure_) std::rethrow_exception(failure_);
    return !stopped_.load(std::memory_order_relaxed);
  }

 private:
  const int64_t count_;
  const int64_t grain_;
  const int64_t shares_;  // a block is at most this part of what is left
  const Body& body_;
  std::atomic<int64_t> next_{0};
  std::atomic<bool> stopped_{false};
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
};

}  // namespace

struct ThreadPool::State {
  const pid_t owner = getpid();
  std::mutex busy;              // held for a loop, or while the size changes
  std::atomic<int> threads{1};  // of the pool, the caller included
  std::vector<std::thread> workers;

  std::mutex mutex;              // guards what follows
  std::condition_variable wake;  // a new loop, or the end
  std::condition_variable done;  // the last worker has left the loop
  Loop* loop = nullptr;          // nullptr: nothing to join (any more)
  uint64_t generation = 0;       // of the loop, so that a worker joins each once
  int inside = 0;                // workers in the loop
  bool ending = false;

  void run_worker(int slot);
  void start(int count);
  void stop();
  void run(Loop& work);
};

void ThreadPool::State::run_worker(int slot) {
  uint64_t seen = 0;
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    wake.wait(lock, [&] { return ending || (loop != nullptr && generation != seen); });
    if (ending) return;
    seen = generation;
    Loop* const joined = loop;
    ++inside;
    lock.unlock();
    joined->work(slot);
    lock.lock();
    if (--inside == 0) done.notify_one();
  }
}

// Brings the pool to `count` threads. When one cannot be started, those that could are kept.
void ThreadPool::State::start(int count) {
  workers.reserve(static_cast<size_t>(count - 1));
  for (int slot = threads; slot < count; ++slot) {
    workers.emplace_back([this, slot] { run_worker(slot); });
    threads = slot + 1;
  }
}

void ThreadPool::State::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    ending = true;
  }
  wake.notify_all();
  for (std::thread& worker : workers) worker.join();
  workers.clear();
  threads = 1;
  ending = false;
}

void ThreadPool::State::run(Loop& work) {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    loop = &work;
    ++generation;
  }
  wake.notify_all();
  work.work(0);
  std::unique_lock<std::mutex> lock(mutex);
  loop = nullptr;  // workers that wake only now have nothing to do
  done.wait(lock, [&] { return inside == 0; });
}

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  try {
    state_->start(threads);
  } catch (...) {
    state_->stop();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  if (state_->owner == getpid()) {
    state_->stop();
  } else {
    // A forked child has no workers to join, and its copies of the locks may be held for ever.
    static_cast<void>(state_.release());  // NOLINT(bugprone-unused-return-value)
  }
}

int ThreadPool::threads() const { return state_->threads; }

void ThreadPool::set_threads(int threads) {
  const std::lock_guard<std::mutex> lock(state_->busy);
  if (threads < state_->threads) state_->stop();
  state_->start(threads);
}

bool ThreadPool::parallel_for(int64_t count, int64_t grain, const Body& body) {
  Loop loop(count, grain, state_->threads, body);
  const bool alone = count <= grain || state_->threads == 1 || state_->owner != getpid();
  std::unique_lock<std::mutex> lock(state_->busy, std::defer_lock);
  if (alone || !lock.try_lock()) {
    loop.work(0);
  } else {
    state_->run(loop);
  }
  return loop.finish();
}

}  // namespace lpreg::cpu
