// From which length on float32 exponentials are good enough for a row's sums.
#pragma once

#include <cstdint>

namespace lpreg::core {

// Rows of up to this length are summed in float64 (on a device whole rows, not a vocabulary shard's). A
// float32 exponential is about an ulp off: over a long row these errors vanish in one another, over a short
// one they would show in a batch whose losses nearly cancel.
constexpr int64_t kShortRow = 128;

}  // namespace lpreg::core
