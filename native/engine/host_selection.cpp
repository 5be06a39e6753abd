#include "host_selection.h"

namespace lpreg {
namespace {

core::RadixSelect select_rank(const std::vector<Candidate>& candidates, int64_t rank) {
  core::RadixSelect select{0, rank, 0};
  while (select.pass < core::kRadixPasses) {
    int64_t counts[core::kRadixBuckets] = {};
    for (const Candidate& candidate : candidates) {
      if (core::matches_prefix(select, candidate.key)) ++counts[core::digit_of(select, candidate.key)];
    }
    core::descend(&select, counts);
  }
  return select;
}

}  // namespace

void mark_lowest(const std::vector<Candidate>& candidates, int64_t k, std::vector<uint8_t>* marks) {
  const auto count = static_cast<int64_t>(candidates.size());
  if (k <= 0 || count == 0) return;
  const bool all = k >= count;
  const core::RadixSelect last = all ? core::RadixSelect{} : select_rank(candidates, k - 1);
  int64_t ties = last.rank + 1;  // of the elements equal to the last one, as many as still fit
  for (const Candidate& candidate : candidates) {
    const bool take = all || candidate.key < last.prefix || (candidate.key == last.prefix && ties-- > 0);
    if (take) (*marks)[static_cast<size_t>(candidate.index)] = 1;
  }
}

uint64_t order_statistic(const std::vector<Candidate>& candidates, int64_t rank) {
  return select_rank(candidates, rank).prefix;
}

}  // namespace lpreg
