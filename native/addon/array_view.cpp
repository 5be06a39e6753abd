#include "array_view.h"

#include <algorithm>

namespace lpreg_addon {
namespace {

struct ArrayType {
  const char* name;
  size_t element_size;
};

// By napi_typedarray_type.
constexpr ArrayType kArrayTypes[] = {
    {"Int8Array", 1},    {"Uint8Array", 1},    {"Uint8ClampedArray", 1}, {"Int16Array", 2},
    {"Uint16Array", 2},  {"Int32Array", 4},    {"Uint32Array", 4},       {"Float32Array", 4},
    {"Float64Array", 8}, {"BigInt64Array", 8}, {"BigUint64Array", 8},    {"Float16Array", 2},
};

const ArrayType& array_type(napi_typedarray_type type) { return kArrayTypes[type]; }

// A detached SharedArrayBuffer does not exist, and Node-API does not call one an ArrayBuffer. What is
// detached has no elements any more.
void read_buffer_state(Napi::Env env, napi_value buffer, ArrayView& view) {
  bool unshared = false;
  check_status(env, napi_is_arraybuffer(env, buffer, &unshared));
  view.shared = !unshared;
  if (!unshared || view.length > 0) return;
  bool detached = false;
  check_status(env, napi_is_detached_arraybuffer(env, buffer, &detached));
  if (detached) throw Failure{kDetached, view.argument, "its ArrayBuffer is detached"};
}

ArrayView view_device(const Napi::Value& value, const char* argument) {
  std::shared_ptr<DeviceMemory> memory = find_device_memory(value, argument);
  if (memory == nullptr) throw Failure{LPREG_ERR_TYPE, argument, "expected a typed array"};
  return {value, argument, memory->type(), memory->length(), memory->data(), memory, false};
}

}  // namespace

size_t element_size(napi_typedarray_type type) { return array_type(type).element_size; }

size_t ArrayView::bytes() const { return length * element_size(type); }

ArrayView view_array(const Napi::Value& value, const char* argument) {
  ArrayView view{value, argument, napi_uint8_array, 0, nullptr, nullptr, false};
  napi_value buffer = nullptr;
  void* data = nullptr;
  const Napi::Env env = value.Env();
  const napi_status status = value.IsEmpty() ? napi_invalid_arg
                                             : napi_get_typedarray_info(env, value, &view.type, &view.length,
                                                                        &data, &buffer, nullptr);
  if (status == napi_invalid_arg) return view_device(value, argument);
  check_status(env, status);
  read_buffer_state(env, buffer, view);
  // An empty array has no address; to the C ABI that would say that it is absent.
  alignas(double) static uint8_t nothing;
  view.data = data == nullptr ? &nothing : static_cast<uint8_t*>(data);
  return view;
}

void require_type(const ArrayView& view, std::initializer_list<napi_typedarray_type> types,
                  lpreg_status status) {
  if (std::find(types.begin(), types.end(), view.type) != types.end()) return;
  std::string expected;
  for (const napi_typedarray_type type : types) {
    expected += (expected.empty() ? "" : " or ") + std::string(array_type(type).name);
  }
  throw Failure{status, view.argument, "expected " + expected + ", received " + array_type(view.type).name};
}

void require_length(const ArrayView& view, int64_t length) {
  if (view.length == static_cast<uint64_t>(length)) return;
  throw Failure{LPREG_ERR_SHAPE, view.argument,
                "expected " + std::to_string(length) + " elements, received " + std::to_string(view.length)};
}

}  // namespace lpreg_addon
