// Conversions of 16-bit elements on load and store, for every instruction set.
#include <algorithm>

#include "check.h"
#include "cpu/kernel_choice.h"
#include "cpu_support.h"

using namespace lpreg::cpu;
using namespace lpreg::test;

namespace {

// Through the gradient: with e's factors 0 and proxy_scale -1 it is q itself.
void narrowing_is_to_nearest_even_for_any_float() {
  std::mt19937 random(1);
  std::vector<float> q;
  for (uint32_t i = 0; i < 65536; ++i) {
    // Every upper half with the lower halves around a tie, which are the ties of both 16-bit formats.
    for (const uint32_t low : {0x0000U, 0x0001U, 0x7FFFU, 0x8000U, 0x8001U, 0x1000U, 0x0FFFU, 0x1001U}) {
      q.push_back(lpreg::core::bits_to_float(i << 16 | low));
    }
    q.push_back(lpreg::core::bits_to_float(static_cast<uint32_t>(random())));
  }
  const auto count = static_cast<int64_t>(q.size());
  const std::vector<float> zeros(q.size());
  GradientParams params{};
  params.exp = {1, 0};
  params.constant = -0.0;
  params.proxy_scale = -1;
  params.proxy = q.data();
  for (const RowKernels* kernels : runnable_kernels()) {
    for (const int32_t dtype : {LPREG_FLOAT16, LPREG_BFLOAT16}) {
      std::vector<uint16_t> out(q.size());
      kernels->gradient({zeros.data(), count, LPREG_FLOAT32}, params, out.data(), dtype);
      long wrong = 0;
      for (int64_t i = 0; i < count; ++i) {
        const float expected = rounded_to(dtype, q[static_cast<size_t>(i)]);
        const float actual = load_element(out.data(), dtype, i);
        wrong += !(actual == expected || (std::isnan(actual) && std::isnan(expected)));
      }
      CHECK(wrong == 0);
    }
  }
}

// As above where 16-bit logits and gradients go in pairs of vectors: with e's factors 0 it is the constant.
void narrowing_of_pairs_is_to_nearest_even() {
  constexpr size_t kCount = 70;
  const std::vector<uint16_t> zeros(kCount);
  for (uint32_t i = 0; i < 65536; i += 13) {
    for (const uint32_t low : {0x0000U, 0x7FFFU, 0x8000U, 0x8001U}) {
      const float constant = lpreg::core::bits_to_float(i << 16 | low);
      GradientParams params{};
      params.exp = {1, 0};
      params.constant = static_cast<double>(constant);
      const float expected = rounded_to(LPREG_BFLOAT16, constant);
      for (const RowKernels* kernels : runnable_kernels()) {
        std::vector<uint16_t> out(kCount);
        kernels->gradient({zeros.data(), kCount, LPREG_BFLOAT16}, params, out.data(), LPREG_BFLOAT16);
        const auto is_wrong = [&](uint16_t bits) {
          const float actual = load_element(&bits, LPREG_BFLOAT16, 0);
          return !(actual == expected || (std::isnan(actual) && std::isnan(expected)));
        };
        CHECK(std::none_of(out.begin(), out.end(), is_wrong));
      }
    }
  }
}

void widening_is_exact_for_every_bit_pattern() {
  for (const RowKernels* kernels : runnable_kernels()) {
    for (const int32_t dtype : {LPREG_FLOAT16, LPREG_BFLOAT16}) {
      for (uint32_t i = 0; i < 65536; ++i) {
        const uint16_t bits[2] = {static_cast<uint16_t>(i), 0};
        const float expected = load_element(bits, dtype, 0);
        lpreg_row_part part{};
        kernels->part({bits, 1, dtype}, {1, 0}, false, false, &part);
        if (std::isnan(expected)) {
          CHECK(std::isnan(part.rest));
        } else {
          CHECK(part.max == expected && std::isnan(part.rest) == (expected == kInfinity));
        }
      }
    }
  }
}

}  // namespace

int main() {
  narrowing_is_to_nearest_even_for_any_float();
  narrowing_of_pairs_is_to_nearest_even();
  widening_is_exact_for_every_bit_pattern();
  return finish();
}
