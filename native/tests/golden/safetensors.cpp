#include "safetensors.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "core/half.h"
#include "json.h"

namespace lpreg::golden {
namespace {

size_t element_size(const std::string& dtype) {
  if (dtype == "F64" || dtype == "I64") return 8;
  if (dtype == "F32" || dtype == "I32") return 4;
  if (dtype == "F16" || dtype == "BF16") return 2;
  if (dtype == "U8" || dtype == "BOOL") return 1;
  throw std::runtime_error("tensor dtype " + dtype + " is not known");
}

template <class T>
T element(const FileTensor& tensor, int64_t index) {
  T value;
  std::memcpy(&value, tensor.bytes.data() + static_cast<size_t>(index) * sizeof(T), sizeof(T));
  return value;
}

// A size or an offset: JSON knows doubles only, and no file is longer than they count exactly.
int64_t whole_number(const Json& value) {
  const bool whole = value.kind == Json::Kind::kNumber && value.number >= 0 &&
                     value.number <= 9007199254740992 && value.number == std::floor(value.number);
  if (!whole) throw std::runtime_error("a size or an offset that is not a whole number");
  return static_cast<int64_t>(value.number);
}

// Whether a tensor of this shape takes so many bytes; false on overflow.
bool fills(const FileTensor& tensor, size_t bytes) {
  size_t expected = element_size(tensor.dtype);
  for (const int64_t size : tensor.shape) {
    if (__builtin_mul_overflow(expected, static_cast<size_t>(size), &expected)) return false;
  }
  return expected == bytes;
}

FileTensor read_tensor(const std::string& data, size_t begin, const Json& entry) {
  FileTensor tensor;
  tensor.dtype = entry["dtype"].text;
  for (const Json& size : entry["shape"].elements) tensor.shape.push_back(whole_number(size));
  const std::vector<Json>& offsets = entry["data_offsets"].elements;
  if (offsets.size() != 2) throw std::runtime_error("a tensor without data_offsets");
  const size_t first = begin + static_cast<size_t>(whole_number(offsets[0])),
               end = begin + static_cast<size_t>(whole_number(offsets[1]));
  if (first > end || end > data.size()) throw std::runtime_error("a tensor beyond the end of the file");
  if (!fills(tensor, end - first)) {
    throw std::runtime_error("a tensor whose bytes are not those of its shape");
  }
  tensor.bytes.assign(data.begin() + static_cast<int64_t>(first), data.begin() + static_cast<int64_t>(end));
  return tensor;
}

}  // namespace

TensorFile parse_safetensors(const std::string& data) {
  uint64_t header_bytes = 0;
  if (data.size() < 8) throw std::runtime_error("no header");
  std::memcpy(&header_bytes, data.data(), 8);
  if (header_bytes > data.size() - 8) throw std::runtime_error("a header beyond the end of the file");
  const Json header = parse_json(data.substr(8, header_bytes));
  TensorFile file;
  for (const auto& [name, entry] : header.members) {
    if (name == "__metadata__") {
      for (const auto& [key, value] : entry.members) file.metadata[key] = value.text;
    } else {
      file.tensors[name] = read_tensor(data, 8 + header_bytes, entry);
    }
  }
  return file;
}

namespace {

std::string header_of(const std::map<std::string, FileTensor>& tensors) {
  std::string header = "{";
  size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    std::string shape;
    for (const int64_t size : tensor.shape) shape += (shape.empty() ? "" : ",") + std::to_string(size);
    const std::string end = std::to_string(offset + tensor.bytes.size());
    header += (offset == 0 && header.size() == 1 ? "\"" : ",\"") + name + "\":{\"dtype\":\"" + tensor.dtype +
              "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(offset) + "," + end + "]}";
    offset += tensor.bytes.size();
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

}  // namespace

int64_t FileTensor::count() const {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

double FileTensor::at(int64_t index) const {
  if (dtype == "F64") return element<double>(*this, index);
  if (dtype == "F32") return static_cast<double>(element<float>(*this, index));
  if (dtype == "F16") return static_cast<double>(core::float16_to_float(element<uint16_t>(*this, index)));
  if (dtype == "BF16") return static_cast<double>(core::bfloat16_to_float(element<uint16_t>(*this, index)));
  if (dtype == "I32") return element<int32_t>(*this, index);
  if (dtype == "I64") return static_cast<double>(element<int64_t>(*this, index));
  return element<uint8_t>(*this, index);
}

const FileTensor* TensorFile::find(const std::string& name) const {
  const auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : &found->second;
}

TensorFile read_safetensors(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error(path + ": cannot be read");
  const std::string data{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  try {
    return parse_safetensors(data);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

void write_safetensors(const std::string& path, const std::map<std::string, FileTensor>& tensors) {
  const std::string header = header_of(tensors);
  const uint64_t header_bytes = header.size();
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(&header_bytes), 8);
  stream << header;
  for (const auto& entry : tensors) {
    stream.write(entry.second.bytes.data(), static_cast<std::streamsize>(entry.second.bytes.size()));
  }
  if (!stream.flush()) throw std::runtime_error(path + ": cannot be written");
}

}  // namespace lpreg::golden
