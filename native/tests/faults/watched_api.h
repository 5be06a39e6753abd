// The library's function table with something done around each call.
#pragma once

#include "include/lpreg.h"

namespace lpreg::test {

// What stands around the calls of a watched table. Not more than one at a time.
struct Watch {
  virtual ~Watch() = default;
  virtual void before_call() = 0;
  virtual void after_call(lpreg_status status) = 0;
};

inline Watch* watch = nullptr;

template <auto Member>
struct Watched;

template <class... Arguments, lpreg_status (*lpreg_api::*Member)(Arguments...)>
struct Watched<Member> {
  static lpreg_status call(Arguments... arguments) {
    if (watch != nullptr) watch->before_call();
    const lpreg_status status = (lpreg_get_api(LPREG_ABI_VERSION)->*Member)(arguments...);
    if (watch != nullptr) watch->after_call(status);
    return status;
  }
};

inline lpreg_api watched_api() {
  lpreg_api api = *lpreg_get_api(LPREG_ABI_VERSION);
  api.context_create = Watched<&lpreg_api::context_create>::call;
  api.context_synchronize = Watched<&lpreg_api::context_synchronize>::call;
  api.device_info = Watched<&lpreg_api::device_info>::call;
  api.device_of_pointer = Watched<&lpreg_api::device_of_pointer>::call;
  api.device_allocate = Watched<&lpreg_api::device_allocate>::call;
  api.device_release = Watched<&lpreg_api::device_release>::call;
  api.device_upload = Watched<&lpreg_api::device_upload>::call;
  api.device_download = Watched<&lpreg_api::device_download>::call;
  api.device_clear = Watched<&lpreg_api::device_clear>::call;
  api.device_synchronize = Watched<&lpreg_api::device_synchronize>::call;
  api.stream_create = Watched<&lpreg_api::stream_create>::call;
  api.stream_destroy = Watched<&lpreg_api::stream_destroy>::call;
  api.context_set_threads = Watched<&lpreg_api::context_set_threads>::call;
  api.loss_workspace_size = Watched<&lpreg_api::loss_workspace_size>::call;
  api.loss_forward = Watched<&lpreg_api::loss_forward>::call;
  api.loss_backward = Watched<&lpreg_api::loss_backward>::call;
  api.loss_forward_backward = Watched<&lpreg_api::loss_forward_backward>::call;
  api.token_stats = Watched<&lpreg_api::token_stats>::call;
  api.token_stats_backward = Watched<&lpreg_api::token_stats_backward>::call;
  api.objective = Watched<&lpreg_api::objective>::call;
  api.row_parts = Watched<&lpreg_api::row_parts>::call;
  api.row_parts_merge = Watched<&lpreg_api::row_parts_merge>::call;
  api.row_kept = Watched<&lpreg_api::row_kept>::call;
  api.row_kept_merge = Watched<&lpreg_api::row_kept_merge>::call;
  api.row_finalize = Watched<&lpreg_api::row_finalize>::call;
  api.row_gradient = Watched<&lpreg_api::row_gradient>::call;
  api.snapshot_size = Watched<&lpreg_api::snapshot_size>::call;
  api.snapshot_write = Watched<&lpreg_api::snapshot_write>::call;
  return api;
}

}  // namespace lpreg::test
