// Errors of the device as the engine's one exception type.
#pragma once

#include "../../cuda/device_api.h"
#include "../../cuda/status_word.h"
#include "../failure.h"

namespace lpreg {

// Throws unless `code` is 0.
void check_device(int code);

// Throws what a kernel found, unless it found nothing.
void throw_finding(const cuda::StatusWord& status);

}  // namespace lpreg
