// The caller's memory that carries a forward pass to its backward passes.
#pragma once

#include <cstdint>
#include <cstring>

#include "failure.h"
#include "objective_stage.h"

namespace lpreg {

class Workspace {
 public:
  static size_t bytes_needed(int64_t rows, bool with_proxy_states) {
    const auto n = static_cast<size_t>(rows);
    return sizeof(Header) + n * (sizeof(lpreg_row_state) * (with_proxy_states ? 2 : 1) + 3 * sizeof(float));
  }

  Workspace(void* memory, size_t bytes, int64_t rows, bool with_proxy_states)
      : header_(static_cast<Header*>(memory)), rows_(rows), with_proxy_states_(with_proxy_states) {
    if (memory == nullptr || bytes < bytes_needed(rows, with_proxy_states)) {
      throw Failure{LPREG_ERR_WORKSPACE, "workspace", -1, "smaller than its size query asks for"};
    }
    if (reinterpret_cast<uintptr_t>(memory) % alignof(lpreg_row_state) != 0) {
      throw Failure{LPREG_ERR_WORKSPACE, "workspace", -1, "must be aligned to 8 bytes"};
    }
  }

  lpreg_row_state* states() const { return reinterpret_cast<lpreg_row_state*>(header_ + 1); }
  lpreg_row_state* proxy_states() const { return with_proxy_states_ ? states() + rows_ : nullptr; }
  core::CoefficientArrays coefficients() const {
    auto* base = reinterpret_cast<float*>(states() + rows_ * (with_proxy_states_ ? 2 : 1));
    return {base, base + rows_, base + 2 * rows_};
  }

  void begin() { header_->magic = 0; }
  void finish() {
    header_->rows = rows_;
    header_->magic = kMagic;
  }
  void require_finished() const {
    if (header_->magic != kMagic || header_->rows != rows_) {
      throw Failure{LPREG_ERR_WORKSPACE, "workspace", -1, "holds no forward pass of this batch"};
    }
  }

 private:
  static constexpr uint64_t kMagic = 0x6c702d7265672031ull;
  struct Header {
    uint64_t magic;
    int64_t rows;
  };

  Header* header_;
  int64_t rows_;
  bool with_proxy_states_;
};

}  // namespace lpreg
