// Runs jobs one after the other on a thread of its own, one per JavaScript environment: the thread pool that
// each job uses is inside the library, and libuv's stays free for files and sockets. A short job that would
// not have to wait runs on the JavaScript thread, which spends less on it than on waking another thread; its
// promise settles in a later turn of the event loop all the same.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "job.h"

namespace lpreg_addon {

// All methods are for the JavaScript thread.
class Executor {
 public:
  explicit Executor(Napi::Env env) : env_(env) {}
  ~Executor() { shut_down(); }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // { id, promise }; the promise rejects with a failure's object, see failure.h.
  Napi::Object submit(std::unique_ptr<Operation> operation);
  // A queued job settles at once, a running one soon. Does nothing once it has ended.
  void abort(uint32_t id);
  // Rows that the job has finished in the pass under way; 0 once it has ended.
  int64_t rows_done(uint32_t id);
  // Cancels everything and waits for the thread. Nothing may be submitted afterwards.
  void shut_down();

 private:
  void open_wake();
  bool is_idle();
  void enqueue(std::unique_ptr<Job> job);
  void run_jobs();
  void finish(std::unique_ptr<Job> job);
  std::unique_ptr<Job> take_queued(uint32_t id);
  void settle(std::unique_ptr<Job> job);
  void settle_finished();

  Napi::Env env_;
  uint32_t last_id_ = 0;
  size_t unsettled_ = 0;
  napi_threadsafe_function wake_ = nullptr;  // signals that finished_ has grown
  std::thread thread_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Job>> queued_;
  std::unique_ptr<Job> running_;
  std::vector<std::unique_ptr<Job>> finished_;
  bool stopping_ = false;
};

}  // namespace lpreg_addon
