// Arguments of an operation, told apart by their position: reading named properties of an object would cost
// more than a small batch takes to compute. lib/native/arguments.ts has the same order.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "failure.h"

namespace lpreg_addon {

// clang-format off
// Those of a matrix are its array, dtype, strides, and whether it may be longer than its shape.
#define LPREG_MATRIX_ARGUMENTS(X, matrix) \
  X(matrix) X(matrix##_dtype) X(matrix##_row_stride) X(matrix##_sequence_stride) X(matrix##_strided)

#define LPREG_ARGUMENTS(X)                                                             \
  X(on_device) X(options)                                                              \
  X(sequences) X(tokens) X(rows) X(vocab)                                              \
  LPREG_MATRIX_ARGUMENTS(X, logits)                                                    \
  LPREG_MATRIX_ARGUMENTS(X, old_logits)                                                \
  LPREG_MATRIX_ARGUMENTS(X, gradient)                                                  \
  X(gradient_owned) X(grad_output)                                                     \
  X(cu_seq_lens) X(actions) X(mask) X(old_log_probs) X(advantages) X(ref_log_probs)    \
  X(rollout_weights) X(proxy_log_probs) X(chosen) X(sequence_lengths)                  \
  X(prob_threshold) X(token_count) X(sequence_count) X(max_length)                     \
  X(proxy_snapshot) X(row_ptr) X(ids) X(log_q) X(log_kept_mass) X(uniform)             \
  X(token_log_prob) X(token_entropy) X(token_log_kept_mass) X(token_proxy_log_prob)    \
  X(token_kl) X(token_action_is_max)                                                   \
  X(d_log_prob) X(d_entropy) X(d_kl)                                                   \
  X(outputs) X(results) X(device_outputs) X(workspace) X(allocate) X(non_finite)      \
  X(max_entries) X(keep_on_device)
// clang-format on

enum class Argument : size_t {
#define LPREG_ENUMERATOR(name) name,
  LPREG_ARGUMENTS(LPREG_ENUMERATOR)
#undef LPREG_ENUMERATOR
      count
};

// The position `steps` behind another one.
constexpr Argument after(Argument argument, size_t steps) {
  return static_cast<Argument>(static_cast<size_t>(argument) + steps);
}

const char* argument_name(Argument argument);
Napi::Array argument_names(Napi::Env env);

// Throws ERR_TYPE unless the value is a number.
double as_number(const Napi::Value& value, const char* name);
int32_t as_int32(const Napi::Value& value, const char* name);
// A size or stride: a safe integer that is not negative, else ERR_SHAPE.
int64_t as_size(const Napi::Value& value, const char* name);

// Alive as long as the call that they belong to.
class Arguments {
 public:
  // From position `first` of the call on; what is missing at the end is absent.
  Arguments(const Napi::CallbackInfo& info, size_t first) : info_(info), first_(first) {}

  Napi::Env env() const { return info_.Env(); }
  Napi::Value operator[](Argument argument) const { return info_[first_ + static_cast<size_t>(argument)]; }
  // Nothing where it is undefined.
  std::optional<Napi::Value> optional(Argument argument) const;
  double number(Argument argument) const;
  // An enumerator.
  int32_t integer(Argument argument) const { return as_int32((*this)[argument], argument_name(argument)); }
  int64_t size(Argument argument) const { return as_size((*this)[argument], argument_name(argument)); }
  bool flag(Argument argument) const { return (*this)[argument].ToBoolean(); }

 private:
  const Napi::CallbackInfo& info_;
  size_t first_;
};

}  // namespace lpreg_addon
