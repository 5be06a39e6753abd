#include "allocator.h"

#include <utility>

namespace lpreg_addon {

Allocator::Allocator(const Arguments& arguments) {
  const Napi::Value allocate = arguments[Argument::allocate];
  if (!allocate.IsFunction()) throw Failure{LPREG_ERR_TYPE, "allocate", "expected a function"};
  allocate_ = Napi::Persistent(allocate.As<Napi::Function>());
}

ArrayView Allocator::array(const char* type_name, napi_typedarray_type type, size_t length) const {
  const Napi::Env env = allocate_.Env();
  const Napi::Value array = allocate_.Call(
      {Napi::String::New(env, type_name), Napi::Number::New(env, static_cast<double>(length))});
  const ArrayView view = view_array(array, "allocate");
  require_type(view, {type});
  require_length(view, static_cast<int64_t>(length));
  return view;
}

Workspace::Workspace(const ArrayView& view)
    : array_(Napi::Persistent(view.array.As<Napi::Object>())), data_(view.data), bytes_(view.length) {
  require_type(view, {napi_uint8_array});
}

Workspace::Workspace(size_t bytes)
    : memory_(new double[bytes / sizeof(double) + 1]), data_(memory_.get()), bytes_(bytes) {}

Workspace::Workspace(std::shared_ptr<DeviceMemory> memory)
    : device_memory_(std::move(memory)), data_(device_memory_->data()), bytes_(device_memory_->bytes()) {}

Workspace Workspace::make(const Arguments& arguments, size_t bytes, const Storage& storage) {
  if (!storage.on_device()) {
    return Workspace(Allocator(arguments).array("Uint8Array", napi_uint8_array, bytes));
  }
  Workspace workspace(storage.allocate_on_device(bytes));
  workspace.array_ = Napi::Persistent(wrap(arguments.env(), workspace.device_memory_));
  return workspace;
}

Workspace Workspace::given(const Arguments& arguments, Storage& storage) {
  const ArrayView view = view_array(arguments[Argument::workspace], "workspace");
  storage.in_use(view);
  return Workspace(view);
}

Workspace Workspace::own(size_t bytes, const Storage& storage) {
  return storage.on_device() ? Workspace(storage.allocate_on_device(bytes)) : Workspace(bytes);
}

}  // namespace lpreg_addon
