// The logits of a call over host memory, chunk by chunk through staging memory.
#pragma once

#include "../batch_view.h"
#include "../context.h"
#include "row_source.h"
#include "staging.h"

namespace lpreg {

class StagedRows : public RowSource {
 public:
  // `batch` and `gradient` (NULL: none) are the caller's; `stream` orders all work but that on the logits.
  StagedRows(lpreg_context& context, const lpreg_batch& batch, const lpreg_matrix* gradient,
             const lpreg_call* call, Staging* staging, int64_t bound, void* stream)
      : context_(context),
        view_(batch),
        gradient_(gradient),
        call_(call),
        staging_(staging),
        bound_(bound),
        stream_(stream) {}

  // Where the kernels report, known once device memory is there.
  void watch(const cuda::StatusWord* status) { status_ = status; }

  // Throws what the kernels found in earlier passes, before this one writes anything. When a pass throws, the
  // slots may still be in use.
  void for_each_chunk(const RowUse& use, const std::function<void(const RowChunk&)>& body) override;

  // Waits for all passes; throws what their kernels found.
  void settle() const;

  // Whether any row of the caller's gradient has been overwritten.
  bool has_written() const { return has_written_; }

 private:
  class Pass;

  lpreg_context& context_;
  BatchView view_;
  const lpreg_matrix* gradient_;
  const lpreg_call* call_;
  Staging* staging_;
  int64_t bound_;
  void* stream_;
  const cuda::StatusWord* status_ = nullptr;
  bool has_written_ = false;
};

}  // namespace lpreg
