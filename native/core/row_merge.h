// Pieces of rows whose vocabulary is split (lpreg.h, "split statistics"): joined over the parts, then
// finalised. Arrays of parts are [part_count, rows].
#pragma once

#include "row_math.h"

namespace lpreg::core {

LPREG_HD lpreg_row_part merge_row_parts(const lpreg_row_options& options, const lpreg_row_part* parts,
                                        int64_t part_count, int64_t rows, int64_t row) {
  lpreg_row_part merged = empty_part();
  for (int64_t k = 0; k < part_count; ++k) merged = merge_parts(merged, parts[k * rows + row], options);
  return merged;
}

LPREG_HD lpreg_row_kept empty_kept() {
  lpreg_row_kept kept;
  kept.kept_rest = kept.dropped = kept.linear = 0;
  kept.count = 0;
  return kept;
}

LPREG_HD lpreg_row_kept merge_row_kept(const lpreg_row_kept* parts, int64_t part_count, int64_t rows,
                                       int64_t row) {
  lpreg_row_kept merged = empty_kept();
  for (int64_t k = 0; k < part_count; ++k) {
    const lpreg_row_kept& part = parts[k * rows + row];
    merged.kept_rest += part.kept_rest;
    merged.dropped += part.dropped;
    merged.linear += part.linear;
    merged.count += part.count;
  }
  return merged;
}

// State of row `row`; `kept` may be NULL where the options have no filter.
LPREG_HD lpreg_row_state finalize_merged(const lpreg_row_options& options, const lpreg_row_part* merged,
                                         const lpreg_row_kept* kept, int64_t vocab_total, int64_t row) {
  lpreg_row_state state = finalize_part(options, merged[row], true);
  if (options.filter_kind == LPREG_FILTER_NONE || (state.flags & LPREG_ROW_NON_FINITE) != 0) return state;
  const KeptRule rule = kept_rule(options, merged[row]);
  finalize_kept(options, merged[row], kept[row], rule, vocab_total, true, &state);
  return state;
}

}  // namespace lpreg::core
