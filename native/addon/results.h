// What an operation gives: the scalars of a batch, and per-token arrays, in one piece of memory.
#pragma once

#include <napi.h>

#include "arguments.h"
#include "lpreg.h"
#include "storage.h"

namespace lpreg_addon {

class Results {
 public:
  // `results`: a Float64Array that lib/ has made for this call. It begins with the scalars; then 4 bytes per
  // row follow for each field of lpreg_token_outputs whose bit is set in `outputs`, in the struct's order.
  Results(const Arguments& arguments, int64_t rows, Storage& storage);

  const lpreg_token_outputs& tokens() const { return tokens_; }
  void store(const lpreg_loss_result& result) const;

 private:
  double* scalars_;
  lpreg_token_outputs tokens_{};
};

// Per-token inputs of the scalar stage; what is absent is NULL.
lpreg_token_outputs read_token_inputs(const Arguments& arguments, int64_t rows, Storage& storage);

// The orders in which scalars and fields stand.
Napi::Array scalar_names(Napi::Env env);
Napi::Array token_field_names(Napi::Env env);

}  // namespace lpreg_addon
