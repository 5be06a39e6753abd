// A batch for the C ABI drawn from a fuzzer's bytes: sound in its sizes, arbitrary in its values and options,
// and then perhaps spoilt in one field. Every buffer is as long as the sound sizes say, so that a sanitizer
// sees one byte more.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "include/lpreg.h"

namespace lpreg::fuzz {

class FuzzedBatch {
 public:
  explicit FuzzedBatch(FuzzedDataProvider* data);

  lpreg_loss_options options{};
  lpreg_batch batch{};
  lpreg_snapshot snapshot{};
  lpreg_matrix gradient{};  // the logits themselves, or a buffer of its own full of kPoison
  lpreg_token_outputs outputs{};
  lpreg_scalar grad_output{};
  const lpreg_call* call = nullptr;

  static constexpr uint8_t kPoison = 0x5c;

  int64_t rows() const { return rows_; }
  int64_t vocab() const { return vocab_; }
  bool in_place() const { return gradient.data == batch.logits.data; }
  // The whole of the gradient's buffer, and of the logits'.
  const std::vector<uint8_t>& gradient_bytes() const { return *gradient_block_; }
  const std::vector<uint8_t>& logits_bytes() const { return *logits_block_; }
  // Whether no output per token has been written.
  bool outputs_are_untouched() const;
  // Overwrites one field with a value that the library must refuse or live with.
  void spoil(FuzzedDataProvider* data);

 private:
  using Block = std::vector<uint8_t>;

  Block* block(size_t bytes);
  template <class T>
  T* values(int64_t count, T (*draw)(FuzzedDataProvider*));
  Block* draw_matrix(FuzzedDataProvider* data, lpreg_matrix* matrix);
  void draw_layout();
  void draw_options();
  void draw_inputs();
  void draw_snapshot();
  void draw_outputs();
  uint8_t* output(size_t bytes);
  void draw_call();

  FuzzedDataProvider* data_;
  std::vector<std::unique_ptr<Block>> blocks_;
  int64_t rows_ = 0, vocab_ = 1;
  Block* gradient_block_ = nullptr;
  Block* logits_block_ = nullptr;
  std::vector<const Block*> output_blocks_;
  lpreg_call how_{};
  volatile int64_t rows_done_ = 0;
};

}  // namespace lpreg::fuzz
