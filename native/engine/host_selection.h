// The host's drivers of core/selection.h.
#pragma once

#include <cstdint>
#include <vector>

#include "../core/selection.h"

namespace lpreg {

// A key for each candidate; `index` is its flat index, ascending.
struct Candidate {
  uint64_t key;
  int64_t index;
};

// Marks the k candidates with the smallest keys (ties: lowest index first) in `marks`, which is indexed by
// flat index.
void mark_lowest(const std::vector<Candidate>& candidates, int64_t k, std::vector<uint8_t>* marks);

// The key of 0-based rank `rank`, which must be below the number of candidates.
uint64_t order_statistic(const std::vector<Candidate>& candidates, int64_t rank);

}  // namespace lpreg
