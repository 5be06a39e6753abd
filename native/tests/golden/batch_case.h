// A batch file of docs/semantics.md §9 as options of the C ABI, and the tensors that it uses.
#pragma once

#include <string>

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

  int64_t rows() const { return sequences * tokens; }
  bool is_lp_reg() const;
  bool has(const char* tensor) const { return file.find(tensor) != nullptr; }
};

// Throws std::runtime_error that names what the file lacks.
BatchCase read_batch_case(const std::string& path, const std::string& logits_name = "logits");

}  // namespace lpreg::golden
