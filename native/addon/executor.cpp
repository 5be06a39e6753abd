#include "executor.h"

#include <algorithm>
#include <utility>

namespace lpreg_addon {

Napi::Object Executor::submit(std::unique_ptr<Operation> operation) {
  const bool runs_here = operation->is_short() && is_idle();
  // What can fail comes before the promise, which must be settled once it is there.
  if (!runs_here && !thread_.joinable()) thread_ = std::thread([this] { run_jobs(); });
  open_wake();
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  check_status(env_, napi_create_promise(env_, &deferred, &promise));
  auto job = std::make_unique<Job>(++last_id_, std::move(operation), deferred);
  Napi::Object submitted = Napi::Object::New(env_);
  submitted.Set("id", job->id());
  submitted.Set("promise", promise);
  if (runs_here) {
    job->run();
    const std::lock_guard<std::mutex> lock(mutex_);
    finish(std::move(job));
  } else {
    enqueue(std::move(job));
  }
  if (unsettled_++ == 0) napi_ref_threadsafe_function(env_, wake_);  // keeps the process alive
  return submitted;
}

bool Executor::is_idle() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return queued_.empty() && running_ == nullptr;
}

void Executor::enqueue(std::unique_ptr<Job> job) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    queued_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void Executor::open_wake() {
  if (wake_ != nullptr) return;
  const auto on_wake = [](napi_env env, napi_value, void* executor, void*) {
    // Without an environment the executor is gone too: these are calls left over at shut-down.
    if (env != nullptr) static_cast<Executor*>(executor)->settle_finished();
  };
  const Napi::String name = Napi::String::New(env_, "lp-reg");
  check_status(env_, napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, nullptr, nullptr,
                                                     this, on_wake, &wake_));
  napi_unref_threadsafe_function(env_, wake_);
}

void Executor::run_jobs() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !queued_.empty(); });
    if (stopping_) return;
    running_ = std::move(queued_.front());
    queued_.pop_front();
    lock.unlock();
    running_->run();
    lock.lock();
    finish(std::move(running_));
  }
}

// Under the lock: shut_down() must not end while the function is being called. Once it is closing, it must
// not be called again.
void Executor::finish(std::unique_ptr<Job> job) {
  finished_.push_back(std::move(job));
  if (stopping_) return;
  stopping_ = napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking) == napi_closing;
}

void Executor::settle_finished() {
  std::vector<std::unique_ptr<Job>> finished;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    finished.swap(finished_);
  }
  for (std::unique_ptr<Job>& job : finished) settle(std::move(job));
}

void Executor::settle(std::unique_ptr<Job> job) {
  job->settle(env_);
  if (--unsettled_ == 0) napi_unref_threadsafe_function(env_, wake_);  // an idle process may end
}

std::unique_ptr<Job> Executor::take_queued(uint32_t id) {
  const auto found =
      std::find_if(queued_.begin(), queued_.end(), [id](const auto& job) { return job->id() == id; });
  if (found == queued_.end()) return nullptr;
  std::unique_ptr<Job> job = std::move(*found);
  queued_.erase(found);
  return job;
}

void Executor::abort(uint32_t id) {
  std::unique_ptr<Job> never_run;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (running_ != nullptr && running_->id() == id) running_->cancel();
    never_run = take_queued(id);
  }
  if (never_run == nullptr) return;
  never_run->cancel_before_run();
  settle(std::move(never_run));
}

int64_t Executor::rows_done(uint32_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return running_ != nullptr && running_->id() == id ? running_->rows_done() : 0;
}

void Executor::shut_down() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    if (running_ != nullptr) running_->cancel();
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  queued_.clear();
  finished_.clear();
}

}  // namespace lpreg_addon
