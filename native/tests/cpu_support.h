// Rows of every dtype between guard pages, and the sums that the row kernels must give for them.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/half.h"
#include "core/short_row.h"
#include "cpu/row_kernels.h"

namespace lpreg::test {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr int32_t kDtypes[] = {LPREG_FLOAT32, LPREG_FLOAT16, LPREG_BFLOAT16};

inline size_t element_size(int32_t dtype) { return dtype == LPREG_FLOAT32 ? 4 : 2; }

inline void store_element(void* data, int32_t dtype, int64_t i, float value) {
  if (dtype == LPREG_FLOAT32) {
    std::memcpy(static_cast<char*>(data) + 4 * i, &value, 4);
    return;
  }
  const uint16_t bits =
      dtype == LPREG_FLOAT16 ? core::float_to_float16(value) : core::float_to_bfloat16(value);
  std::memcpy(static_cast<char*>(data) + 2 * i, &bits, 2);
}

inline float load_element(const void* data, int32_t dtype, int64_t i) {
  if (dtype == LPREG_FLOAT32) {
    float value;
    std::memcpy(&value, static_cast<const char*>(data) + 4 * i, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, static_cast<const char*>(data) + 2 * i, 2);
  return dtype == LPREG_FLOAT16 ? core::float16_to_float(bits) : core::bfloat16_to_float(bits);
}

// The value that a store in this dtype leaves behind.
inline float rounded_to(int32_t dtype, float value) {
  char element[4] = {};
  store_element(element, dtype, 0, value);
  return load_element(element, dtype, 0);
}

// `bytes` bytes that end (or begin) exactly at a page that may not be touched.
class GuardedBytes {
 public:
  enum Edge { kEndAtGuard, kBeginAtGuard };

  GuardedBytes(size_t bytes, Edge edge) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t inside = (bytes + page - 1) / page * page;
    size_ = inside + 2 * page;
    base_ =
        static_cast<char*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_, page, PROT_NONE);
    mprotect(base_ + page + inside, page, PROT_NONE);
    data_ = base_ + page + (edge == kEndAtGuard ? inside - bytes : 0);
  }
  ~GuardedBytes() { munmap(base_, size_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  char* data() const { return data_; }

 private:
  char* base_;
  char* data_;
  size_t size_;
};

// A row of logits in one dtype. `values` are its elements, exactly.
struct Row {
  Row(const std::vector<float>& wanted, int32_t row_dtype, GuardedBytes::Edge edge)
      : dtype(row_dtype), bytes(wanted.size() * element_size(row_dtype), edge) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      store_element(bytes.data(), dtype, static_cast<int64_t>(i), wanted[i]);
      values.push_back(load_element(bytes.data(), dtype, static_cast<int64_t>(i)));
    }
  }
  int64_t count() const { return static_cast<int64_t>(values.size()); }
  size_t size() const { return values.size() * element_size(dtype); }
  cpu::RowView view() const { return {bytes.data(), count(), dtype}; }

  int32_t dtype;
  GuardedBytes bytes;
  std::vector<float> values;
};

enum RowKind { kNormal, kPeaked, kFlat, kMaskedVocabulary, kHuge, kShifted };
constexpr RowKind kRowKinds[] = {kNormal, kPeaked, kFlat, kMaskedVocabulary, kHuge, kShifted};

inline std::vector<float> draw_logits(RowKind kind, int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    value = 3 * normal(random);
    if (kind == kPeaked) value /= 2;
    if (kind == kFlat) value = 1.5F;
    if (kind == kMaskedVocabulary && random() % 4 == 0) value = -kInfinity;
    if (kind == kHuge) value *= 2e3F;
    if (kind == kShifted) value -= 1e4F;
  }
  if (kind == kPeaked && count > 0) values[random() % values.size()] = 24;
  // Equal maximisers, also at the row's two ends.
  if (kind == kMaskedVocabulary && count > 0) values.front() = values.back() = 11;
  return values;
}

inline float max_of(const std::vector<float>& values) {
  float max = -kInfinity;
  for (const float value : values) max = value > max ? value : max;
  return max;
}

// d = z' - max' as the kernels' contract defines it: a float32 difference without softcap.
inline double distance(float z, float max, cpu::ExpParams params) {
  if (params.softcap == 0 || std::isinf(z)) return z - max;
  const long double cap = params.softcap;
  return static_cast<double>(cap * (std::tanh(z / cap) - std::tanh(max / cap)));
}

struct ReferenceSums {
  lpreg_row_part part{};
  lpreg_row_kept kept{};
};

inline bool is_summed_exactly(int64_t count, cpu::ExpParams params) {
  return count <= core::kShortRow && params.softcap == 0;
}

// The sums of (a) and (b) term by term in float64; `max` is the whole row's.
inline ReferenceSums reference_sums(const std::vector<float>& values, cpu::ExpParams params, float max,
                                    float cut) {
  ReferenceSums sums;
  sums.part.max = max;
  const bool exact = is_summed_exactly(static_cast<int64_t>(values.size()), params);
  for (const float z : values) {
    if (z == -kInfinity) continue;
    const double rounded = distance(z, max, params);
    const double d = exact ? static_cast<double>(z) - static_cast<double>(max) : rounded;
    const bool kept = rounded >= static_cast<double>(cut);
    const double e = std::exp(d / params.temperature);
    sums.kept.linear += d / params.temperature;
    sums.kept.count += kept;
    if (z == max) {
      sums.part.max_count += 1;
      continue;
    }
    sums.part.rest += e;
    sums.part.moment += e * d / params.temperature;
    sums.part.raw_rest += std::exp(d);
    (kept ? sums.kept.kept_rest : sums.kept.dropped) += e;
  }
  return sums;
}

}  // namespace lpreg::test
