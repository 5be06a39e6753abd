// What kernels find wrong in their data: the first finding in the order of the checks, then of the rows, held
// in device memory until the caller synchronises. No launch waits for it.
#pragma once

#include <cstdint>

#include "../core/host_device.h"

namespace lpreg::cuda {

// In the order in which the CPU checks; a finding of an earlier check hides those of later ones.
enum class Check : uint32_t {
  kWorkspace,
  kSequences,
  kMask,
  kActions,
  kSnapshot,
  kThreshold,
  kTokenCount,
  kSequenceCount,
  kMaxLength,
  kSequenceLengths,
  kChosen,
  kAdvantages,
  kOldLogProbs,
  kRefLogProbs,
  kRolloutWeights,
  kProxyLogProbs,
  kLogProbs,
  kEntropies,
  kCotangentLogProb,
  kCotangentEntropy,
  kCotangentKl,
  kGradOutput,
  kOldLogits,
  kLogits,
  kLoss,
  kArrayLoss,  // of the scalar stage
  kKl,
  kSnapshotCapacity,
};

constexpr unsigned long long kNothingFound = ~0ull;
constexpr int kIndexBits = 48;

struct StatusWord {
  unsigned long long first;  // check << 48 | index, kNothingFound if none
  uint32_t written;          // 1 once the call has overwritten some of the gradient
};

LPREG_HD unsigned long long finding(Check check, int64_t index) {
  return static_cast<unsigned long long>(check) << kIndexBits | static_cast<unsigned long long>(index);
}
LPREG_HD Check check_of(unsigned long long found) { return static_cast<Check>(found >> kIndexBits); }
LPREG_HD int64_t index_of(unsigned long long found) {
  return static_cast<int64_t>(found & ((1ull << kIndexBits) - 1));
}

}  // namespace lpreg::cuda
