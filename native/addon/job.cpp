#include "job.h"

namespace lpreg_addon {

void Job::run() { failure_ = run_operation(*operation_, &cancel_, &rows_done_); }

void Job::cancel_before_run() { failure_ = Failure{LPREG_ERR_CANCELLED, "", "the call was cancelled"}; }

// A worker that is being terminated cannot run JavaScript any more; nobody waits for its promises then, so
// that a failure to settle one is no matter.
void Job::settle(Napi::Env env) noexcept {
  try {
    const Napi::HandleScope scope(env);
    try {
      if (failure_) throw *failure_;
      napi_resolve_deferred(env, promise_, operation_->result(env));
    } catch (const Napi::Error& error) {
      napi_reject_deferred(env, promise_, error.Value());
    } catch (const Failure& failure) {
      napi_reject_deferred(env, promise_, failure_object(env, failure));
    }
  } catch (...) {
    return;
  }
}

}  // namespace lpreg_addon
