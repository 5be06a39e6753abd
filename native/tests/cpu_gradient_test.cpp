// The gradient row against float64, for every instruction set, pair of dtypes and length; in place and out of
// place, between pages that may not be touched.
#include <algorithm>

#include "check.h"
#include "cpu/kernel_choice.h"
#include "cpu_support.h"

using namespace lpreg::cpu;
using namespace lpreg::test;

namespace {

constexpr int64_t kLengths[] = {0,  1,  2,  3,  4,  5,  7,  8,  9,   15,   16,
                                17, 31, 32, 33, 48, 63, 64, 65, 127, 1000, 4099};

struct Expected {
  double value;
  double scale;      // sum of the magnitudes that were added up
  double saturated;  // what they may leave where the softcap's derivative is below 1e-15
};

Expected reference_gradient(float z, float q, const GradientParams& params) {
  const bool masked = z == -kInfinity;
  const double d = masked ? 0 : distance(z, params.max, params.exp);
  const double e = masked ? 0 : std::exp(d / params.exp.temperature);
  const double factor = d >= static_cast<double>(params.cut) ? params.kept : params.dropped;
  const double terms[] = {e * factor, e * params.slope * d, params.constant,
                          -params.proxy_scale * static_cast<double>(q)};
  double derivative = 1;
  if (params.exp.softcap != 0) {
    const double ratio = static_cast<double>(z) / params.exp.softcap;
    derivative = masked ? 0 : 1 / (std::cosh(ratio) * std::cosh(ratio));
  }
  Expected expected{0, 0, 0};
  for (const double term : terms) {
    expected.value += term * derivative;
    expected.scale += std::fabs(term) * derivative;
    if (params.exp.softcap != 0) expected.saturated += std::fabs(term) * 1e-15;
  }
  return expected;
}

double tolerance(const GradientParams& params) {
  // A few roundings; with softcap e carries those of d too (see the statistics test).
  const double exponent = std::fmin(2 * params.exp.softcap / params.exp.temperature, 90);
  return 4e-7 + 3e-7 * exponent;
}

bool close(double actual, const Expected& expected, double relative) {
  return std::fabs(actual - expected.value) <= relative * expected.scale + expected.saturated + 0x1p-120;
}

std::vector<float> draw_proxy(int64_t count) {
  std::vector<float> q(static_cast<size_t>(count));
  for (size_t i = 0; i < q.size(); ++i) q[i] = i % 3 == 0 ? 0 : 1.0F / static_cast<float>(i + 1);
  return q;
}

void check_against_reference(const RowKernels& kernels, const Row& row, const GradientParams& params) {
  GuardedBytes out(row.values.size() * sizeof(float), GuardedBytes::kEndAtGuard);
  kernels.gradient(row.view(), params, out.data(), LPREG_FLOAT32);
  const double relative = tolerance(params);
  for (int64_t i = 0; i < row.count(); ++i) {
    const float q = params.proxy == nullptr ? 0 : params.proxy[i];
    const Expected expected = reference_gradient(row.values[static_cast<size_t>(i)], q, params);
    CHECK(close(static_cast<double>(load_element(out.data(), LPREG_FLOAT32, i)), expected, relative));
  }
}

GradientParams some_params(const Row& row, double temperature, double softcap, const float* proxy) {
  GradientParams params{};
  params.exp = {temperature, softcap};
  params.max = max_of(row.values);
  params.cut = -2.0009F;  // between the values that 16-bit rows can have
  params.kept = 0.75;
  params.dropped = -0.3;
  params.slope = 0.11;
  params.constant = -0.01;
  params.proxy_scale = proxy == nullptr ? 0 : 0.6;
  params.proxy = proxy;
  return params;
}

// Without the terms that have a loop of their own to do without them.
GradientParams without_slope(GradientParams params, bool filtered) {
  params.slope = 0;
  if (!filtered) params.dropped = params.kept;
  return params;
}

void every_length_and_kind() {
  for (const int64_t count : kLengths) {
    const std::vector<float> proxy = draw_proxy(count);
    for (const RowKind kind : kRowKinds) {
      for (const int32_t dtype : kDtypes) {
        const Row row(draw_logits(kind, count, 11), dtype, GuardedBytes::kEndAtGuard);
        for (const double softcap : {0.0, 12.0}) {
          for (const double temperature : {1.0, 0.7}) {
            const float* q = count % 2 == 0 ? proxy.data() : nullptr;
            const GradientParams params = some_params(row, temperature, softcap, q);
            for (const RowKernels* kernels : runnable_kernels())
              check_against_reference(*kernels, row, params);
          }
        }
      }
    }
  }
}

// A row with few terms takes a shorter way: each term alone must still be there.
void every_term_alone() {
  const Row row(draw_logits(kNormal, 100, 14), LPREG_FLOAT32, GuardedBytes::kEndAtGuard);
  const std::vector<float> proxy = draw_proxy(100);
  const GradientParams all = some_params(row, 1, 0, proxy.data());
  for (int term = 0; term < 5; ++term) {
    GradientParams params{};
    params.exp = all.exp;
    params.max = all.max;
    params.cut = all.cut;
    if (term == 0) params.kept = all.kept;
    if (term == 1) params.dropped = all.dropped;
    if (term == 2) params.slope = all.slope;
    if (term == 3) params.constant = all.constant;
    if (term == 4) params.proxy_scale = all.proxy_scale;
    if (term == 4) params.proxy = all.proxy;
    for (const RowKernels* kernels : runnable_kernels()) check_against_reference(*kernels, row, params);
  }
}

// The softcap's derivative is 0 at -inf, not merely small.
void masked_tokens_get_no_gradient_under_a_softcap() {
  const Row row(draw_logits(kMaskedVocabulary, 100, 15), LPREG_FLOAT32, GuardedBytes::kEndAtGuard);
  const GradientParams params = some_params(row, 1, 30, nullptr);
  for (const RowKernels* kernels : runnable_kernels()) {
    std::vector<float> out(100);
    kernels->gradient(row.view(), params, out.data(), LPREG_FLOAT32);
    for (size_t i = 0; i < 100; ++i) CHECK((out[i] == 0) == (row.values[i] == -kInfinity));
  }
}

// 16-bit outputs are the float32 gradient rounded once; in place gives the same bits.
void every_pair_of_dtypes_and_in_place() {
  for (const int64_t count : kLengths) {
    for (const int32_t dtype : kDtypes) {
      const std::vector<float> logits = draw_logits(kMaskedVocabulary, count, 12);
      const Row row(logits, dtype, GuardedBytes::kEndAtGuard);
      GradientParams params = some_params(row, 1, count % 2 == 0 ? 20 : 0, nullptr);
      if (count % 3 != 0) params = without_slope(params, count % 3 == 1);
      for (const RowKernels* kernels : runnable_kernels()) {
        GuardedBytes full(row.values.size() * sizeof(float), GuardedBytes::kEndAtGuard);
        kernels->gradient(row.view(), params, full.data(), LPREG_FLOAT32);
        for (const int32_t out_dtype : kDtypes) {
          GuardedBytes out(row.values.size() * element_size(out_dtype), GuardedBytes::kEndAtGuard);
          kernels->gradient(row.view(), params, out.data(), out_dtype);
          for (int64_t i = 0; i < count; ++i) {
            const float expected = rounded_to(out_dtype, load_element(full.data(), LPREG_FLOAT32, i));
            CHECK(load_element(out.data(), out_dtype, i) == expected);
          }
          if (out_dtype != dtype) continue;
          Row in_place(logits, dtype, GuardedBytes::kBeginAtGuard);
          kernels->gradient(in_place.view(), params, in_place.bytes.data(), dtype);
          CHECK(std::memcmp(in_place.bytes.data(), out.data(), row.size()) == 0);
        }
      }
    }
  }
}

void check_shifted(const RowKernels& kernels, const Row& row, int32_t dtype, const GradientParams& params,
                   size_t shift, const std::vector<char>& expected) {
  constexpr size_t kMargin = 40 * sizeof(float);
  const size_t width = element_size(dtype);
  std::vector<char> input(row.size() + kMargin), output(row.size() + kMargin, 0x5A);
  char* const data = input.data() + shift * width;
  std::memcpy(data, row.bytes.data(), row.size());
  char* const out = output.data() + (40 - shift) * width;
  kernels.gradient({data, row.count(), dtype}, params, out, dtype);
  CHECK(std::memcmp(out, expected.data(), row.size()) == 0);
  const auto outside = std::count(output.begin(), output.end(), char{0x5A});
  const auto inside = std::count(out, out + row.size(), char{0x5A});
  CHECK(outside - inside == int64_t{kMargin});
}

// Misaligned inputs and outputs give the bits of aligned ones, past the caches too, and neighbours of the row
// stay as they were.
void alignment_does_not_matter() {
  for (const int64_t count : {1, 7, 77, 300}) {
    for (const int32_t dtype : kDtypes) {
      const Row row(draw_logits(kNormal, count, 13), dtype, GuardedBytes::kEndAtGuard);
      const GradientParams full = some_params(row, 1, 0, nullptr);
      for (GradientParams params : {full, without_slope(full, true), without_slope(full, false)}) {
        for (const RowKernels* kernels : runnable_kernels()) {
          std::vector<char> expected(row.size());
          params.past_caches = false;
          kernels->gradient(row.view(), params, expected.data(), dtype);
          for (size_t shift = 1; shift < 40; ++shift) {
            for (const bool past_caches : {false, true}) {
              params.past_caches = past_caches;
              check_shifted(*kernels, row, dtype, params, shift, expected);
            }
          }
        }
      }
    }
  }
}

void nan_constants_fill_the_row() {
  for (const RowKernels* kernels : runnable_kernels()) {
    const Row row(draw_logits(kMaskedVocabulary, 37, 1), LPREG_BFLOAT16, GuardedBytes::kEndAtGuard);
    GradientParams params = some_params(row, 1, 0, nullptr);
    params.constant = std::nan("");
    std::vector<uint16_t> out(37);
    kernels->gradient(row.view(), params, out.data(), LPREG_BFLOAT16);
    for (int64_t i = 0; i < 37; ++i) CHECK(std::isnan(load_element(out.data(), LPREG_BFLOAT16, i)));
  }
}

// The comparison above must be able to fail.
void a_wrong_expectation_is_noticed() {
  const Row row(draw_logits(kNormal, 64, 2), LPREG_FLOAT32, GuardedBytes::kEndAtGuard);
  const GradientParams params = some_params(row, 1, 0, nullptr);
  GradientParams swapped = params;
  std::swap(swapped.kept, swapped.dropped);
  for (const RowKernels* kernels : runnable_kernels()) {
    std::vector<float> out(64);
    kernels->gradient(row.view(), params, out.data(), LPREG_FLOAT32);
    const Expected right = reference_gradient(row.values[5], 0, params);
    const auto actual = static_cast<double>(out[5]);
    CHECK(close(actual, right, tolerance(params)));
    CHECK(!close(actual, {right.value + 2e-6 * right.scale, right.scale, 0}, tolerance(params)));
    CHECK(!close(actual, reference_gradient(row.values[5], 0, swapped), tolerance(params)));
  }
}

}  // namespace

int main() {
  every_length_and_kind();
  every_term_alone();
  masked_tokens_get_no_gradient_under_a_softcap();
  every_pair_of_dtypes_and_in_place();
  alignment_does_not_matter();
  nan_constants_fill_the_row();
  a_wrong_expectation_is_noticed();
  return finish();
}
