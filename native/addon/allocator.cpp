#include "allocator.h"

namespace lpreg_addon {

Allocator::Allocator(const Napi::Object& arguments) {
  const Napi::Value allocate = arguments.Get("allocate");
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
    : array_(Napi::Persistent(view.array)), data_(view.data), bytes_(view.length) {
  require_type(view, {napi_uint8_array});
}

Workspace::Workspace(const Allocator& allocator, size_t bytes)
    : Workspace(allocator.array("Uint8Array", napi_uint8_array, bytes)) {}

Workspace::Workspace(const Napi::Value& value) : Workspace(view_array(value, "workspace")) {}

}  // namespace lpreg_addon
