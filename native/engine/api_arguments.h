// What every entry of the function table does with its arguments before it hands over to the engine.
#pragma once

#include "context.h"
#include "failure.h"
#include "token_stats.h"

namespace lpreg {

template <class T>
T& deref(T* pointer, const char* name) {
  if (pointer == nullptr) throw Failure{LPREG_ERR_MISSING, name, -1, "must not be NULL"};
  return *pointer;
}

inline void check_optional(const lpreg_token_outputs* outputs, const lpreg_call* call) {
  if (outputs != nullptr) check_struct(outputs, "outputs");
  if (call != nullptr) check_struct(call, "call");
}

inline RowCall row_call(lpreg_context* context, const lpreg_row_options* options, const lpreg_batch* batch,
                        const lpreg_call* call) {
  check_optional(nullptr, call);
  return {deref(context, "context"), deref(options, "options"), deref(batch, "batch"), call};
}

}  // namespace lpreg
