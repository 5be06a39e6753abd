// The thread pool: every item exactly once, scratch slots never shared, early stop, nesting, resizing,
// exceptions, fork.
#include "cpu/thread_pool.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "check.h"

using lpreg::cpu::ThreadPool;

namespace {

void every_item_runs_exactly_once() {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const int64_t count : {0, 1, 2, 7, 100, 1000}) {
      for (const int64_t grain : {1, 3, 64, 5000}) {
        std::vector<std::atomic<int>> runs(static_cast<size_t>(count));
        std::vector<std::atomic<int>> in_use(static_cast<size_t>(threads));
        std::atomic<int> faults{0};
        const bool all = pool.parallel_for(count, grain, [&](int64_t begin, int64_t end, int slot) {
          if (slot < 0 || slot >= threads || end - begin > grain || end <= begin) ++faults;
          // Two threads in one slot would share scratch.
          if (in_use[static_cast<size_t>(slot)]++ != 0) ++faults;
          for (int64_t i = begin; i < end; ++i) ++runs[static_cast<size_t>(i)];
          --in_use[static_cast<size_t>(slot)];
          return true;
        });
        CHECK(all && faults == 0);
        for (const auto& run : runs) CHECK(run == 1);
      }
    }
  }
}

void writes_of_all_threads_are_seen_afterwards() {
  ThreadPool pool(4);
  std::vector<int64_t> squares(10000);
  for (int round = 0; round < 50; ++round) {
    pool.parallel_for(10000, 7, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) squares[static_cast<size_t>(i)] = i * i + round;
      return true;
    });
    bool right = true;
    for (int64_t i = 0; i < 10000; ++i) right = right && squares[static_cast<size_t>(i)] == i * i + round;
    CHECK(right);
  }
}

void false_stops_the_loop() {
  for (const int threads : {1, 4}) {
    ThreadPool pool(threads);
    std::atomic<int64_t> blocks{0};
    const bool all = pool.parallel_for(1000000, 1, [&](int64_t, int64_t, int) { return ++blocks < 10; });
    CHECK(!all);
    CHECK(blocks >= 10 && blocks < 10 + threads);
    CHECK(pool.parallel_for(10, 1, [](int64_t, int64_t, int) { return true; }));
  }
}

void a_busy_pool_lets_the_caller_work_alone() {
  ThreadPool pool(4);
  std::atomic<int64_t> items{0};
  std::atomic<int> faults{0};
  pool.parallel_for(8, 1, [&](int64_t, int64_t, int) {
    pool.parallel_for(100, 10, [&](int64_t begin, int64_t end, int slot) {
      if (slot != 0) ++faults;
      items += end - begin;
      return true;
    });
    return true;
  });
  CHECK(items == 800 && faults == 0);
}

void many_callers_share_one_pool() {
  ThreadPool pool(3);
  std::atomic<int64_t> items{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        pool.parallel_for(50, 4, [&](int64_t begin, int64_t end, int) {
          items += end - begin;
          return true;
        });
      }
    });
  }
  for (int threads = 1; threads <= 5; ++threads) pool.set_threads(threads);
  for (std::thread& caller : callers) caller.join();
  CHECK(items == 4 * 200 * 50);
  CHECK(pool.threads() == 5);
}

void the_size_can_grow_and_shrink() {
  ThreadPool pool(1);
  for (const int threads : {4, 2, 2, 6, 1, 3}) {
    pool.set_threads(threads);
    CHECK(pool.threads() == threads);
    std::atomic<int64_t> items{0};
    pool.parallel_for(1000, 1, [&](int64_t begin, int64_t end, int slot) {
      if (slot < threads) items += end - begin;
      return true;
    });
    CHECK(items == 1000);
  }
}

void more_than_one_thread_takes_part() {
  ThreadPool pool(3);
  std::atomic<int> arrived{0};
  // Each block waits for the other two: only three threads at once get through.
  pool.parallel_for(3, 1, [&](int64_t, int64_t, int) {
    ++arrived;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (arrived < 3 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    return true;
  });
  CHECK(arrived == 3);
}

void an_exception_reaches_the_caller_and_leaves_the_pool_usable() {
  for (const int threads : {1, 4}) {
    ThreadPool pool(threads);
    bool caught = false;
    try {
      pool.parallel_for(100, 1, [](int64_t begin, int64_t, int) -> bool {
        if (begin == 40) throw std::runtime_error("expected");
        return true;
      });
    } catch (const std::runtime_error&) {
      caught = true;
    }
    CHECK(caught);
    CHECK(pool.parallel_for(100, 1, [](int64_t, int64_t, int) { return true; }));
  }
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void idle_workers_use_no_processor_time() {
  ThreadPool pool(8);
  pool.parallel_for(100, 1, [](int64_t, int64_t, int) { return true; });
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(cpu_seconds() - before < 0.1);
}

// A child has none of the workers: its loops run alone, and neither they nor the destructor wait for anybody.
void a_forked_child_neither_hangs_nor_crashes() {
  auto* const pool = new ThreadPool(4);
  pool->parallel_for(100, 1, [](int64_t, int64_t, int) { return true; });
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    int64_t items = 0;
    const bool all = pool->parallel_for(100, 1, [&](int64_t begin, int64_t end, int) {
      items += end - begin;
      return true;
    });
    delete pool;
    _exit(all && items == 100 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  delete pool;
}

}  // namespace

int main() {
  every_item_runs_exactly_once();
  writes_of_all_threads_are_seen_afterwards();
  false_stops_the_loop();
  a_busy_pool_lets_the_caller_work_alone();
  many_callers_share_one_pool();
  the_size_can_grow_and_shrink();
  more_than_one_thread_takes_part();
  an_exception_reaches_the_caller_and_leaves_the_pool_usable();
  idle_workers_use_no_processor_time();
  a_forked_child_neither_hangs_nor_crashes();
  return lpreg::test::finish();
}
