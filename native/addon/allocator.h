// Memory for results and workspaces, allocated in JavaScript: there a failure can be caught, and the
// collector frees the memory as soon as it runs, which finalizers of native memory do not while a synchronous
// loop is busy.
#pragma once

#include <napi.h>

#include <cstddef>

#include "array_view.h"

namespace lpreg_addon {

class Allocator {
 public:
  // arguments.allocate(typeName, length) returns a typed array of its own, or throws.
  explicit Allocator(const Napi::Object& arguments);

  // JavaScript thread.
  ArrayView array(const char* type_name, napi_typedarray_type type, size_t length) const;

 private:
  Napi::FunctionReference allocate_;
};

// Bytes that carry a forward pass to its backward passes, alive as long as this object.
class Workspace {
 public:
  Workspace(const Allocator& allocator, size_t bytes);
  // One that an earlier call has made.
  explicit Workspace(const Napi::Value& value);

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Napi::Value value() const { return array_.Value(); }

 private:
  explicit Workspace(const ArrayView& view);

  Napi::ObjectReference array_;
  void* data_;
  size_t bytes_;
};

}  // namespace lpreg_addon
