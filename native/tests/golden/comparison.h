// Results of one batch from two back ends or instruction sets, compared.
#pragma once

#include <string>

#include "evaluation.h"

namespace lpreg::golden {

// The first element that disagrees, in words; "" when all agree. Decisions and counts must be equal; values
// may differ by 2e-6 + 1e-6 |value|, those of 16 bits by one rounding more.
std::string difference(const Results& got, const Results& want);

// Whether 80/20, which keeps the highest entropies, has to choose between two that are equal but for
// rounding. An entropy of 0 is exact.
bool rests_on_rounding(const BatchCase& batch, const Results& results);

}  // namespace lpreg::golden
