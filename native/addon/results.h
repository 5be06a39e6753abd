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
  // row follow for each field of lpreg_token_outputs whose bit is set in `outputs`, in the struct's order;
  // but with `device_outputs` the fields stay in those arrays, one for each bit.
  Results(const Arguments& arguments, int64_t rows, Storage& storage);

  // Where the library writes to: device memory in a call over such.
  const lpreg_token_outputs& tokens() const { return tokens_; }
  lpreg_loss_result* scalars();
  // Copies what a device has written; any thread.
  void fetch();
  // Writes the scalars to `results`; JavaScript thread.
  void store() const;

 private:
  uint8_t* memory_;
  size_t token_bytes_;
  lpreg_loss_result result_{};
  lpreg_token_outputs tokens_{};
  // The struct of scalars, then the fields that are to be fetched; null: host memory.
  std::shared_ptr<DeviceMemory> on_device_;
};

// Per-token inputs of the scalar stage; what is absent is NULL.
lpreg_token_outputs read_token_inputs(const Arguments& arguments, int64_t rows, Storage& storage);

// The orders in which scalars and fields stand.
Napi::Array scalar_names(Napi::Env env);
Napi::Array token_field_names(Napi::Env env);

}  // namespace lpreg_addon
