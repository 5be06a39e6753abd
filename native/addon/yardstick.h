// What memory traffic alone costs on this machine: yardsticks of the benchmarks, no part of the public API.
#pragma once

#include <napi.h>

namespace lpreg_addon {

// copyTime(target, source, threads) -> ms: memcpy between two typed arrays, one share per thread.
Napi::Value copy_time(const Napi::CallbackInfo& info);
// negateTime(data, threads) -> ms: flips the signs of 16- or 32-bit floats in place.
Napi::Value negate_time(const Napi::CallbackInfo& info);

}  // namespace lpreg_addon
