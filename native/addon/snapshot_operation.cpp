// The proxies of an old policy in compressed rows: counted, bounded, then written.
#include <cstring>
#include <vector>

#include "allocator.h"
#include "batch.h"
#include "operation.h"
#include "options.h"

namespace lpreg_addon {
namespace {

class ProxySnapshot : public Operation {
 public:
  explicit ProxySnapshot(const Request& request)
      : Operation(request),
        options_(read_row_options(request.arguments)),
        batch_(request.arguments, storage_),
        allocator_(request.arguments),
        max_entries_(request.arguments.size(Argument::max_entries)) {
    if (!context_->on_cuda()) return;
    throw Failure{LPREG_ERR_BACKEND_UNAVAILABLE, "backend", "proxy snapshots are taken on the CPU"};
  }

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    const lpreg_api& api = context_->api();
    const lpreg_batch& batch = batch_.get();
    std::vector<lpreg_row_state> states(static_cast<size_t>(batch.rows));
    int64_t entries = 0;
    const lpreg_status status =
        api.snapshot_size(context_->get(), &options_, &batch, states.data(), &entries, &call, error);
    if (status != LPREG_OK) return status;
    if (entries > max_entries_) {
      throw Failure{LPREG_ERR_SNAPSHOT_TOO_LARGE, "max_entries",
                    "the kept sets hold " + std::to_string(entries) + " entries"};
    }
    lpreg_snapshot snapshot = allocate(entries);
    return api.snapshot_write(context_->get(), &options_, &batch, states.data(), &snapshot, &call, error);
  }

  Napi::Value result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("row_ptr", to_array("BigInt64Array", napi_bigint64_array, row_ptr_));
    object.Set("ids", to_array("Int32Array", napi_int32_array, ids_));
    object.Set("log_q", to_array("Float32Array", napi_float32_array, log_q_));
    object.Set("log_kept_mass", to_array("Float32Array", napi_float32_array, log_kept_mass_));
    object.Set("uniform", to_array("Uint8Array", napi_uint8_array, uniform_));
    return object;
  }

 private:
  template <class Element>
  Napi::Value to_array(const char* type_name, napi_typedarray_type type,
                       const std::vector<Element>& elements) const {
    const ArrayView view = allocator_.array(type_name, type, elements.size());
    if (!elements.empty()) std::memcpy(view.data, elements.data(), elements.size() * sizeof(Element));
    return view.array;
  }

  lpreg_snapshot allocate(int64_t entries) {
    const auto rows = static_cast<size_t>(batch_.get().rows);
    row_ptr_.resize(rows + 1);
    ids_.resize(static_cast<size_t>(entries));
    log_q_.resize(static_cast<size_t>(entries));
    log_kept_mass_.resize(rows);
    uniform_.resize(rows);
    lpreg_snapshot snapshot{};
    snapshot.struct_size = sizeof snapshot;
    snapshot.rows = batch_.get().rows;
    snapshot.capacity = entries;
    snapshot.row_ptr = row_ptr_.data();
    snapshot.ids = ids_.data();
    snapshot.log_q = log_q_.data();
    snapshot.log_kept_mass = log_kept_mass_.data();
    snapshot.uniform = uniform_.data();
    return snapshot;
  }

  lpreg_row_options options_;
  BatchArgument batch_;
  Allocator allocator_;
  int64_t max_entries_;
  std::vector<int64_t> row_ptr_;
  std::vector<int32_t> ids_;
  std::vector<float> log_q_;
  std::vector<float> log_kept_mass_;
  std::vector<uint8_t> uniform_;
};

}  // namespace

std::unique_ptr<Operation> make_proxy_snapshot(const Request& request) {
  return std::make_unique<ProxySnapshot>(request);
}

}  // namespace lpreg_addon
