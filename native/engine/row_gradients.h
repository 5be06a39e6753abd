// Gradient rows: constants by core/row_gradient.h, the sweep by the row kernels, the action's element apart.
#pragma once

#include <atomic>
#include <vector>

#include "../core/row_gradient.h"
#include "batch_view.h"
#include "context.h"
#include "failure.h"

namespace lpreg {

class RowGradients {
 public:
  // `vocab_start`/`vocab_total` place batch.vocab columns inside a larger vocabulary (shards); whole rows: 0
  // and vocab.
  RowGradients(const lpreg_context& context, const lpreg_row_options& options, const BatchView& view,
               const lpreg_matrix& gradient, int64_t vocab_start, int64_t vocab_total);

  // Rows without coefficients are zeroed and not read; a NaN coefficient gives a row of NaN.
  void write(int64_t row, NextRow next, const lpreg_row_state& state, const lpreg_row_state* proxy_state,
             const core::RowCoefficients& coefficients, int slot);

  // Runs a body that calls write(): its errors say whether any row was written.
  template <class Body>
  void watch(const Body& body) const {
    tell_output([this] { return written_.load() ? LPREG_CONSUMED : LPREG_UNTOUCHED; }, body);
  }

 private:
  void note_write();
  const float* dense_proxy(int64_t row, const lpreg_row_state* proxy_state, int slot);
  void fill(int64_t row, float value);

  const cpu::RowKernels& kernels_;
  const lpreg_row_options& options_;
  const BatchView& view_;
  const lpreg_matrix& gradient_;
  int64_t vocab_start_, vocab_total_;
  bool past_caches_;
  std::vector<float> scratch_;  // [slots, vocab], one dense q per thread
  std::atomic<bool> written_{false};
};

}  // namespace lpreg
