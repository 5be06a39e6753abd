// Structs of lpreg.h that are filled from, or turned into, plain objects field by field: one table per
// struct.
#pragma once

#include <napi.h>

#include "lpreg.h"
#include "storage.h"

namespace lpreg_addon {

// Numbers by the names of lpreg.h, row options in `row`; what is absent is 0.
lpreg_loss_options read_loss_options(const Napi::Object& object);
lpreg_row_options read_row_options(const Napi::Object& object);

// Typed arrays of `rows` elements by the names of lpreg.h; what is absent is NULL. Those to be written must
// have been allocated by lib/ for this call.
lpreg_token_outputs read_token_outputs(const Napi::Object& object, int64_t rows, Storage& storage);
lpreg_token_outputs read_token_inputs(const Napi::Object& object, int64_t rows, Storage& storage);

Napi::Object loss_result_object(Napi::Env env, const lpreg_loss_result& result);

}  // namespace lpreg_addon
