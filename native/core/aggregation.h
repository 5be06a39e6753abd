// Aggregation weights w_i (SEMANTICS §4): what a token's loss is multiplied by.
#pragma once

#include <cmath>

#include "../include/lpreg.h"
#include "host_device.h"

namespace lpreg::core {

constexpr double kAggregationEpsilon = 1e-8;

// Counted values, or those that the caller gave; a given value is a divisor as it is, a counted one gets eps.
struct Denominators {
  double token_count, sequence_count, max_length;
  bool token_count_given, sequence_lengths_given;
};

LPREG_HD double aggregation_weight(int32_t aggregation, const Denominators& d, double sequence_length) {
  switch (aggregation) {
    case LPREG_TOKEN_MEAN:
      return 1 / (d.token_count_given ? d.token_count : d.token_count + kAggregationEpsilon);
    case LPREG_SEQ_MEAN_TOKEN_SUM:
      return 1 / d.sequence_count;
    case LPREG_SEQ_MEAN_TOKEN_MEAN:
      return 1 / (d.sequence_count *
                  (d.sequence_lengths_given ? sequence_length : sequence_length + kAggregationEpsilon));
    default:
      return 1 / d.max_length;
  }
}

}  // namespace lpreg::core
