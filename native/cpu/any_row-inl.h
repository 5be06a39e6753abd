// Rows whose dtype only run time knows: one loop serves all dtypes, for a branch per vector. For loops that
// are rare, or slow for other reasons; a loop of its own for each dtype is worth its size in the others.
#pragma once

#include <cstdint>

#include "element.h"
#include "row_kernels.h"

namespace lpreg::cpu {
namespace {

template <class T>
struct Tag {
  using Type = T;
};

// Turns a run-time dtype into a compile-time one: f(Tag<element>).
template <class Function>
LPREG_INLINE auto with_dtype(int32_t dtype, Function f) {
  if (dtype == LPREG_FLOAT16) return f(Tag<Float16>{});
  if (dtype == LPREG_BFLOAT16) return f(Tag<BFloat16>{});
  return f(Tag<float>{});
}

// Both may stand where a loop takes a pointer to elements.
struct AnyRow {
  const void* data;
  int32_t dtype;
};
struct AnyOutput {
  void* data;
  int32_t dtype;
};

// Calls f with a pointer to the row's elements.
template <class Function>
LPREG_INLINE auto with_elements(AnyRow row, Function f) {
  return with_dtype(row.dtype, [&](auto tag) LPREG_LAMBDA {
    return f(static_cast<const typename decltype(tag)::Type*>(row.data));
  });
}
template <class Function>
LPREG_INLINE void with_elements(AnyOutput row, Function f) {
  with_dtype(row.dtype,
             [&](auto tag) LPREG_LAMBDA { f(static_cast<typename decltype(tag)::Type*>(row.data)); });
}

// Bytes of an element, at most.
template <class Row>
constexpr int kLargestElement = 4;
template <class T>
constexpr int kLargestElement<const T*> = int{sizeof(T)};

}  // namespace
}  // namespace lpreg::cpu
