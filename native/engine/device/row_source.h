// Where the passes over the logits find them: all at once in the caller's device memory, or chunk by chunk.
#pragma once

#include <functional>

#include "../../include/lpreg.h"

namespace lpreg {

// Rows [first, first + count) of the logits in device memory, and the stream to work on them.
struct RowChunk {
  int64_t first, count;
  lpreg_matrix logits, old_logits, gradient;  // with the base that row 0 would have
  void* stream;
};

// What a pass does with a chunk.
struct RowUse {
  bool reads_old_logits;
  bool writes_gradient;
  const uint8_t* only;  // [rows] in device memory: rows that it reads and writes; NULL: all
};

class RowSource {
 public:
  virtual ~RowSource() = default;
  // Calls body for chunks that cover the batch's rows, in order, after all work on the call's stream.
  virtual void for_each_chunk(const RowUse& use, const std::function<void(const RowChunk&)>& body) = 0;
};

// The caller's device memory.
class WholeBatch : public RowSource {
 public:
  WholeBatch(const lpreg_batch& batch, const lpreg_matrix& gradient, void* stream)
      : all_{0, batch.rows, batch.logits, batch.old_logits, gradient, stream} {}

  void for_each_chunk(const RowUse&, const std::function<void(const RowChunk&)>& body) override {
    if (all_.count > 0) body(all_);
  }

 private:
  RowChunk all_;
};

}  // namespace lpreg
