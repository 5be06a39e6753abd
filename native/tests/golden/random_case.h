// Random batches that need no reference values: for comparing two back ends.
#pragma once

#include <cstdint>

#include "batch_case.h"

namespace lpreg::golden {

// The same case for the same seed. Objectives, options, proxies, dtypes, row strides, packing and ties all
// vary, and so does the vocabulary unless one is given.
BatchCase random_case(uint64_t seed, int64_t vocab = 0);

}  // namespace lpreg::golden
