// Options of a loss or a row operation, from an array with one number per field.
#pragma once

#include <napi.h>

#include "arguments.h"
#include "lpreg.h"

namespace lpreg_addon {

// The argument `options`: a Float64Array in the order of the struct in lpreg.h, row options first.
lpreg_loss_options read_loss_options(const Arguments& arguments);
// The same array without what a loss has beyond its rows.
lpreg_row_options read_row_options(const Arguments& arguments);

// The orders in which the numbers stand.
Napi::Array row_option_names(Napi::Env env);
Napi::Array loss_option_names(Napi::Env env);

}  // namespace lpreg_addon
