// The proxies of an old policy in compressed rows: counted, bounded, then written.
#include <cstring>
#include <optional>
#include <vector>

#include "allocator.h"
#include "batch.h"
#include "operation.h"
#include "options.h"

namespace lpreg_addon {
namespace {

// One array of a snapshot: where the library writes it, and what JavaScript gets. Memory of the host is
// filled off the JavaScript thread, on which alone a typed array can be made.
template <class Element>
class SnapshotArray {
 public:
  SnapshotArray(const char* type_name, napi_typedarray_type type) : type_name_(type_name), type_(type) {}

  Element* allocate(size_t length, const Storage& storage) {
    if (!storage.on_device()) {
      host_.resize(length);
      return host_.data();
    }
    device_ = storage.allocate_on_device(length, type_);
    return reinterpret_cast<Element*>(device_->data());
  }

  void fetch() {
    host_.resize(device_->length());
    device_->download(host_.data(), device_->bytes());
  }

  Napi::Value to_array(const Allocator& allocator) const {
    const ArrayView view = allocator.array(type_name_, type_, host_.size());
    if (!host_.empty()) std::memcpy(view.data, host_.data(), host_.size() * sizeof(Element));
    return view.array;
  }

  Napi::Value to_handle(Napi::Env env) const { return wrap(env, device_); }

 private:
  const char* type_name_;
  napi_typedarray_type type_;
  std::vector<Element> host_;
  std::shared_ptr<DeviceMemory> device_;
};

class ProxySnapshot : public Operation {
 public:
  explicit ProxySnapshot(const Request& request)
      : Operation(request),
        options_(read_row_options(request.arguments)),
        batch_(request.arguments, storage_),
        allocator_(request.arguments),
        max_entries_(request.arguments.size(Argument::max_entries)),
        keeps_on_device_(storage_.on_device() && request.arguments.flag(Argument::keep_on_device)) {}

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    const lpreg_api& api = context_->api();
    const lpreg_batch& batch = batch_.get();
    const auto rows = static_cast<size_t>(batch.rows);
    states_.emplace(Workspace::own(rows * sizeof(lpreg_row_state), storage_));
    auto* states = static_cast<lpreg_row_state*>(states_->data());
    const int64_t entries = count_entries(states, call, error);
    if (entries > max_entries_) {
      throw Failure{LPREG_ERR_SNAPSHOT_TOO_LARGE, "max_entries",
                    "the kept sets hold " + std::to_string(entries) + " entries"};
    }
    lpreg_snapshot snapshot = allocate(rows, entries);
    return api.snapshot_write(context_->get(), &options_, &batch, states, &snapshot, &call, error);
  }

  void fetch() override {
    if (keeps_on_device_) return;
    row_ptr_.fetch();
    ids_.fetch();
    log_q_.fetch();
    log_kept_mass_.fetch();
    uniform_.fetch();
  }

  Napi::Value result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    const auto set = [&](const char* name, const auto& array) {
      object.Set(name, keeps_on_device_ ? array.to_handle(env) : array.to_array(allocator_));
    };
    set("row_ptr", row_ptr_);
    set("ids", ids_);
    set("log_q", log_q_);
    set("log_kept_mass", log_kept_mass_);
    set("uniform", uniform_);
    return object;
  }

 private:
  int64_t count_entries(lpreg_row_state* states, const lpreg_call& call, lpreg_error* error) {
    const lpreg_api& api = context_->api();
    const auto count = [&](int64_t* entries) {
      throw_if_failed(
          api.snapshot_size(context_->get(), &options_, &batch_.get(), states, entries, &call, error),
          *error);
    };
    int64_t entries = 0;
    if (!storage_.on_device()) {
      count(&entries);
      return entries;
    }
    const auto counted = storage_.allocate_on_device(1, napi_bigint64_array);
    count(reinterpret_cast<int64_t*>(counted->data()));
    throw_if_failed(api.context_synchronize(context_->get(), call.stream, error), *error);
    counted->download(&entries, sizeof entries);
    return entries;
  }

  lpreg_snapshot allocate(size_t rows, int64_t entries) {
    const auto count = static_cast<size_t>(entries);
    lpreg_snapshot snapshot{};
    snapshot.struct_size = sizeof snapshot;
    snapshot.rows = batch_.get().rows;
    snapshot.capacity = entries;
    snapshot.row_ptr = row_ptr_.allocate(rows + 1, storage_);
    snapshot.ids = ids_.allocate(count, storage_);
    snapshot.log_q = log_q_.allocate(count, storage_);
    snapshot.log_kept_mass = log_kept_mass_.allocate(rows, storage_);
    snapshot.uniform = uniform_.allocate(rows, storage_);
    return snapshot;
  }

  lpreg_row_options options_;
  BatchArgument batch_;
  Allocator allocator_;
  int64_t max_entries_;
  bool keeps_on_device_;
  std::optional<Workspace> states_;
  SnapshotArray<int64_t> row_ptr_{"BigInt64Array", napi_bigint64_array};
  SnapshotArray<int32_t> ids_{"Int32Array", napi_int32_array};
  SnapshotArray<float> log_q_{"Float32Array", napi_float32_array};
  SnapshotArray<float> log_kept_mass_{"Float32Array", napi_float32_array};
  SnapshotArray<uint8_t> uniform_{"Uint8Array", napi_uint8_array};
};

}  // namespace

std::unique_ptr<Operation> make_proxy_snapshot(const Request& request) {
  return std::make_unique<ProxySnapshot>(request);
}

}  // namespace lpreg_addon
