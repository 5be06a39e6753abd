// Memory that outlives its operation, allocated in JavaScript: there a failure can be caught, and the
// collector frees the memory as soon as it runs, which finalizers of native memory do not while a synchronous
// loop is busy.
#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>

#include "arguments.h"
#include "array_view.h"
#include "storage.h"

namespace lpreg_addon {

class Allocator {
 public:
  // The argument `allocate`, a function (typeName, length) that returns a typed array of its own, or throws.
  explicit Allocator(const Arguments& arguments);

  // JavaScript thread.
  ArrayView array(const char* type_name, napi_typedarray_type type, size_t length) const;

 private:
  Napi::FunctionReference allocate_;
};

// Bytes that carry a forward pass to its backward passes.
class Workspace {
 public:
  // For JavaScript to keep.
  static Workspace make(const Arguments& arguments, size_t bytes, const Storage& storage);
  // One that an earlier call has made: the argument `workspace`.
  static Workspace given(const Arguments& arguments, Storage& storage);
  // For one operation only.
  static Workspace own(size_t bytes, const Storage& storage);

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Napi::Value value() const { return array_.Value(); }

 private:
  explicit Workspace(const ArrayView& view);
  explicit Workspace(size_t bytes);
  explicit Workspace(std::shared_ptr<DeviceMemory> memory);

  Napi::ObjectReference array_;
  std::unique_ptr<double[]> memory_;
  std::shared_ptr<DeviceMemory> device_memory_;
  void* data_;
  size_t bytes_;
};

}  // namespace lpreg_addon
