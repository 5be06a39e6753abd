// A batch file of docs/semantics.md §9 as options of the C ABI, and the tensors that it uses.
#pragma once

#include <string>
#include <vector>

#include "include/lpreg.h"
#include "json.h"
#include "safetensors.h"

namespace lpreg::golden {

struct BatchCase {
  TensorFile file;
  Json meta;
  lpreg_loss_options options;
  std::string logits_name;
  int64_t sequences, tokens, vocab;
  int64_t row_stride = 0;            // elements between rows of the logits; 0: vocab
  std::string gradient_dtype;        // empty: the logits'
  std::vector<int64_t> cu_seq_lens;  // packed rows; empty: padded
  bool advantages_per_sequence = false;

  int64_t rows() const { return cu_seq_lens.empty() ? sequences * tokens : cu_seq_lens.back(); }
  int64_t stride() const { return row_stride == 0 ? vocab : row_stride; }
  bool is_lp_reg() const;
  bool has(const char* tensor) const { return file.find(tensor) != nullptr; }
};

// Both throw std::runtime_error that names what the file lacks.
BatchCase make_batch_case(TensorFile file, const std::string& logits_name = "logits");
BatchCase read_batch_case(const std::string& path, const std::string& logits_name = "logits");

}  // namespace lpreg::golden
