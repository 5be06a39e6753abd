// safetensors files, read whole and written whole.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lpreg::golden {

struct FileTensor {
  std::string dtype;  // "F64", "F32", "F16", "BF16", "I32", "I64", "U8"
  std::vector<int64_t> shape;
  std::vector<char> bytes;

  int64_t count() const;
  double at(int64_t index) const;  // any dtype, widened
};

struct TensorFile {
  std::map<std::string, FileTensor> tensors;
  std::map<std::string, std::string> metadata;

  const FileTensor* find(const std::string& name) const;
};

// The file's content as it lies on disk. Throws std::runtime_error that says what is wrong with it.
TensorFile parse_safetensors(const std::string& data);

// Both throw std::runtime_error that names the file.
TensorFile read_safetensors(const std::string& path);
void write_safetensors(const std::string& path, const std::map<std::string, FileTensor>& tensors);

}  // namespace lpreg::golden
