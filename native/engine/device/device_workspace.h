// The caller's device memory that carries a forward pass to its backward passes, and what the passes of one
// call hand to each other.
#pragma once

#include "../../cuda/objective.h"
#include "../failure.h"

namespace lpreg {

struct DeviceWorkspace {
  cuda::WorkspaceMark* mark;
  core::Selection* selection;
  lpreg_row_state* states;        // [rows]
  lpreg_row_state* proxy_states;  // [rows], LPREG_PROXY_OLD only, else NULL
  core::RowResult* results;       // [rows]
  uint64_t* keys;                 // [rows]
  double* log_ratios;             // [B]
  double* weights;                // [B]
  core::CoefficientArrays coefficients;
  uint8_t* takes;  // [rows] each
  uint8_t* preselected;
  uint8_t* candidates;
  uint8_t* deferred;
};

// Lays the arrays out from `memory` on, which may be NULL to learn the size alone.
inline size_t lay_out(void* memory, int64_t rows, int64_t sequences, bool with_proxy_states,
                      DeviceWorkspace* workspace) {
  size_t used = 0;
  const auto take = [&](auto** array, int64_t count) {
    using Element = std::remove_reference_t<decltype(**array)>;
    used = (used + 15) / 16 * 16;
    *array = reinterpret_cast<Element*>(static_cast<char*>(memory) + used);
    used += sizeof(Element) * static_cast<size_t>(count);
  };
  take(&workspace->mark, 1);
  take(&workspace->selection, 1);
  take(&workspace->states, rows);
  take(&workspace->proxy_states, with_proxy_states ? rows : 0);
  if (!with_proxy_states) workspace->proxy_states = nullptr;
  take(&workspace->results, rows);
  take(&workspace->keys, rows);
  take(&workspace->log_ratios, sequences);
  take(&workspace->weights, sequences);
  take(&workspace->coefficients.log_prob, rows);
  take(&workspace->coefficients.entropy, rows);
  take(&workspace->coefficients.kl, rows);
  take(&workspace->takes, rows);
  take(&workspace->preselected, rows);
  take(&workspace->candidates, rows);
  take(&workspace->deferred, rows);
  return used;
}

inline DeviceWorkspace device_workspace(void* memory, size_t bytes, int64_t rows, int64_t sequences,
                                        bool with_proxy_states) {
  DeviceWorkspace workspace{};
  const size_t needed = lay_out(memory, rows, sequences, with_proxy_states, &workspace);
  if (memory == nullptr || bytes < needed) {
    throw Failure{LPREG_ERR_WORKSPACE, "workspace", -1, "smaller than its size query asks for"};
  }
  if (reinterpret_cast<uintptr_t>(memory) % 16 != 0) {
    throw Failure{LPREG_ERR_WORKSPACE, "workspace", -1, "must be aligned to 16 bytes on a device"};
  }
  return workspace;
}

}  // namespace lpreg
