// The rule at the end of docs/semantics.md §9: how far a result may lie from a golden vector.
#pragma once

#include <string>
#include <vector>

#include "evaluation.h"

namespace lpreg::golden {

// One sentence per field that breaks the rule, with its worst element. Empty: all fields hold.
std::vector<std::string> violations(const BatchCase& vector, const Results& actual);

}  // namespace lpreg::golden
