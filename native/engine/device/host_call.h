// One call over host memory: the device's twin of its batch, what is copied in and out, and how it ends.
#pragma once

#include "device_passes.h"
#include "host_mirror.h"
#include "host_tensor_memory.h"
#include "staged_rows.h"

namespace lpreg {

class HostCall {
 public:
  HostCall(HostTensorMemory* memory, const cuda::DeviceFacts& facts, lpreg_context& context,
           const lpreg_batch& batch, const lpreg_matrix* gradient, const lpreg_call* call);
  ~HostCall();
  HostCall(const HostCall&) = delete;
  HostCall& operator=(const HostCall&) = delete;

  // Arrays of the batch: those that say which rows there are, these and what a pass over the logits needs,
  // and those of the objective.
  void add_layout_arrays();
  void add_row_arrays();
  void add_objective_arrays();
  void add_tokens(lpreg_token_outputs* tokens, Copied direction);
  HostMirror& mirror() { return mirror_; }

  // With device pointers for what was added, once run() calls its body.
  const lpreg_batch& batch() const { return batch_; }
  RowSource* rows() { return &rows_; }
  DeviceStream on() const { return {facts_, status_, memory_.stream()}; }

  // For body: waits for the passes so far and throws what they found.
  void settle() const { rows_.settle(); }

  // Copies in, calls body(), waits, throws findings, copies out. A failure says whether the caller's gradient
  // was touched.
  void run(const std::function<void()>& body);

 private:
  void start();

  const std::lock_guard<std::mutex> lock_;
  HostTensorMemory& memory_;
  const cuda::DeviceFacts& facts_;
  lpreg_batch batch_;
  lpreg_snapshot snapshot_;
  StagedRows rows_;
  HostMirror mirror_;
  cuda::StatusWord* status_ = nullptr;
  bool finished_ = false;
};

}  // namespace lpreg
