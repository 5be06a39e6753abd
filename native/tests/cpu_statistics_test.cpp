// The sums of a row (part, kept, part_and_kept, cross, proxy_dot) against float64, for every instruction set,
// dtype, length and kind of row, with rows that begin or end at a page which may not be touched.
#include "check.h"
#include "cpu/kernel_choice.h"
#include "cpu_support.h"

using namespace lpreg::cpu;
using namespace lpreg::test;

namespace {

// One rounding of each exp, and those of up to 16 additions in float32.
constexpr double kRelative = 2.5e-7;
// With softcap d itself carries about 3 roundings, which exp turns into 3 |d/t| of them.
constexpr double kRelativePerExponent = 2e-7;
// Short rows: one exp in float64, of a polynomial that is off by 8e-13.
constexpr double kRelativeOfShortRows = 1e-12;
// What every term may lose by flushing to 0, and d, in units of the cap, by saturation at 20 caps.
constexpr double kFlush = 0x1p-125;
constexpr double kSaturation = 1e-16;

std::vector<int64_t> lengths() {
  std::vector<int64_t> all;
  for (int64_t count = 1; count <= 130; ++count) all.push_back(count);
  for (const int64_t count : {1000, 4099, 32003, 151936}) all.push_back(count);
  return all;
}

struct Tolerance {
  double relative, absolute;
};

Tolerance tolerance(ExpParams params, int64_t count) {
  const double exponent = std::fmin(2 * params.softcap / params.temperature, 90);  // beyond, e is 0
  const double per_term = kFlush * 100 + kSaturation * params.softcap / params.temperature;
  const double absolute = per_term * static_cast<double>(count);
  if (is_summed_exactly(count, params)) return {kRelativeOfShortRows, absolute};
  return {kRelative + kRelativePerExponent * exponent, absolute};
}

bool close(double actual, double expected, Tolerance allowed) {
  return std::fabs(actual - expected) <= allowed.relative * std::fabs(expected) + allowed.absolute;
}

void check_part(const lpreg_row_part& part, const ReferenceSums& expected, Tolerance allowed) {
  CHECK(part.max == expected.part.max);
  CHECK(part.max_count == expected.part.max_count);
  CHECK(close(part.rest, expected.part.rest, allowed));
  CHECK(close(part.moment, expected.part.moment, allowed));
}

void check_kept(const lpreg_row_kept& kept, const ReferenceSums& expected, Tolerance allowed) {
  CHECK(kept.count == expected.kept.count);
  CHECK(close(kept.kept_rest, expected.kept.kept_rest, allowed));
  CHECK(close(kept.dropped, expected.kept.dropped, allowed));
}

void check_row(const RowKernels& kernels, const Row& row, ExpParams params, float cut,
               const ReferenceSums& expected) {
  const Tolerance allowed = tolerance(params, row.count());
  lpreg_row_part part{}, joint_part{};
  lpreg_row_kept kept{}, joint_kept{};
  part.action_logit = joint_part.action_logit = 7;
  kernels.part(row.view(), params, true, true, &part);
  check_part(part, expected, allowed);
  CHECK(close(part.raw_rest, expected.part.raw_rest, allowed));
  CHECK(part.action_logit == 7);

  kernels.kept(row.view(), params, expected.part.max, cut, true, &kept);
  check_kept(kept, expected, allowed);
  CHECK(close(kept.linear, expected.kept.linear, allowed));

  kernels.part_and_kept(row.view(), params, true, cut, &joint_part, &joint_kept);
  check_part(joint_part, expected, allowed);
  check_kept(joint_kept, expected, allowed);
  CHECK(joint_part.raw_rest == 0 && joint_part.action_logit == 7);
  CHECK(joint_kept.kept_rest == kept.kept_rest && joint_kept.dropped == kept.dropped);

  kernels.part(row.view(), params, false, false, &joint_part);
  CHECK(joint_part.rest == part.rest && joint_part.moment == 0 && joint_part.raw_rest == 0);
}

void every_length_dtype_and_kind() {
  for (const int64_t count : lengths()) {
    for (const RowKind kind : kRowKinds) {
      for (const int32_t dtype : kDtypes) {
        const auto edge = count % 2 == 0 ? GuardedBytes::kEndAtGuard : GuardedBytes::kBeginAtGuard;
        const Row row(draw_logits(kind, count, static_cast<uint32_t>(count)), dtype, edge);
        const bool long_row = count > 130;
        const ExpParams params{count % 3 == 0 ? 0.6 : 1.0, !long_row && count % 5 == 0 ? 9.0 : 0.0};
        const float cut = count % 7 == 0 ? -kInfinity : -3.912023F;
        const ReferenceSums expected = reference_sums(row.values, params, max_of(row.values), cut);
        for (const RowKernels* kernels : runnable_kernels()) check_row(*kernels, row, params, cut, expected);
      }
    }
  }
}

// Longer than the table of block maxima, which then covers several blocks per entry.
void very_long_rows() {
  for (const int64_t count : {262144 + 77, 1048583}) {
    for (const float cut : {-3.912023F, -0.5F, -1e9F}) {
      const Row row(draw_logits(kNormal, count, 21), LPREG_BFLOAT16, GuardedBytes::kEndAtGuard);
      const ReferenceSums expected = reference_sums(row.values, {1, 0}, max_of(row.values), cut);
      for (const RowKernels* kernels : runnable_kernels()) check_row(*kernels, row, {1, 0}, cut, expected);
    }
  }
}

void softcap_and_temperatures() {
  for (const double cap : {0.5, 30.0, 1e4, 1e30}) {
    for (const double temperature : {0.05, 0.7, 1.0, 3.0}) {
      for (const RowKind kind : kRowKinds) {
        const Row row(draw_logits(kind, 4099, 5), LPREG_FLOAT32, GuardedBytes::kEndAtGuard);
        const ExpParams params{temperature, cap};
        // Away from any token: at the cut itself the last bit of d decides.
        const float cut = -2.7182818F;
        const ReferenceSums expected = reference_sums(row.values, params, max_of(row.values), cut);
        for (const RowKernels* kernels : runnable_kernels()) check_row(*kernels, row, params, cut, expected);
      }
    }
  }
}

void empty_and_masked_rows() {
  for (const RowKernels* kernels : runnable_kernels()) {
    for (const int32_t dtype : kDtypes) {
      for (const int64_t count : {0, 1, 5, 64, 100}) {
        const std::vector<float> values(static_cast<size_t>(count), -kInfinity);
        const Row row(values, dtype, GuardedBytes::kEndAtGuard);
        for (const double softcap : {0.0, 30.0}) {
          lpreg_row_part part{};
          lpreg_row_kept kept{};
          kernels->part_and_kept(row.view(), {1, softcap}, true, -kInfinity, &part, &kept);
          CHECK(part.max == -kInfinity && part.max_count == 0 && part.rest == 0 && part.moment == 0);
          CHECK(kept.count == 0 && kept.kept_rest == 0 && kept.dropped == 0);
          kernels->part(row.view(), {1, softcap}, true, true, &part);
          CHECK(part.max == -kInfinity && part.max_count == 0 && part.rest == 0 && part.raw_rest == 0);
        }
      }
    }
  }
}

// Hardware max drops a NaN on one side, so it must be found by the sums, wherever it stands.
void nan_and_infinity_spoil_rest() {
  for (const RowKernels* kernels : runnable_kernels()) {
    for (const int32_t dtype : kDtypes) {
      for (const float bad : {kNaN, -kNaN, kInfinity}) {
        for (int64_t count = 1; count <= 70; ++count) {
          for (int64_t place = 0; place<count; place += count> 20 ? 7 : 1) {
            std::vector<float> values(static_cast<size_t>(count), place % 2 == 0 ? 1.0F : -kInfinity);
            values[static_cast<size_t>(place)] = bad;
            const Row row(values, dtype, GuardedBytes::kEndAtGuard);
            lpreg_row_part part{}, joint{};
            lpreg_row_kept kept{};
            const ExpParams params{1, place % 3 == 0 ? 20.0 : 0.0};
            kernels->part(row.view(), params, place % 5 == 0, false, &part);
            kernels->part_and_kept(row.view(), params, false, -3, &joint, &kept);
            CHECK(std::isnan(part.rest) && std::isnan(joint.rest));
          }
        }
      }
    }
  }
}

// Blocks without maximisers and kept tokens are summed in a shorter way, which must not lose a NaN either.
void nan_spoils_rest_in_a_long_row() {
  constexpr size_t kCount = 5000;
  for (const RowKernels* kernels : runnable_kernels()) {
    for (size_t place = 0; place < kCount; place += 61) {
      std::vector<float> values(kCount, -5.0F);
      values[2600] = 9;
      values[place] = place % 2 == 0 ? kNaN : -kNaN;
      const Row row(values, LPREG_FLOAT16, GuardedBytes::kEndAtGuard);
      lpreg_row_part part{}, joint{};
      lpreg_row_kept kept{};
      kernels->part(row.view(), {1, 0}, true, false, &part);
      kernels->part_and_kept(row.view(), {1, 0}, false, -3, &joint, &kept);
      CHECK(std::isnan(part.rest) && std::isnan(joint.rest));
    }
  }
}

void a_maximum_of_zero_is_positive_zero() {
  for (const RowKernels* kernels : runnable_kernels()) {
    for (const float zero : {0.0F, -0.0F}) {
      std::vector<float> values(40, -1.0F);
      values[3] = zero;
      values[39] = -0.0F;
      lpreg_row_part part{};
      kernels->part({values.data(), 40, LPREG_FLOAT32}, {1, 0}, false, false, &part);
      CHECK(part.max == 0 && !std::signbit(part.max) && part.max_count == 2);
    }
  }
}

bool same_bits(const lpreg_row_part& a, const lpreg_row_part& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

void sums_do_not_depend_on_where_a_row_lies() {
  for (const RowKernels* kernels : runnable_kernels()) {
    for (const int32_t dtype : kDtypes) {
      for (const int64_t count : {3, 63, 129, 5000}) {
        const Row row(draw_logits(kNormal, count, 3), dtype, GuardedBytes::kBeginAtGuard);
        lpreg_row_part first{};
        kernels->part(row.view(), {0.9, 0}, true, true, &first);
        for (size_t shift = 1; shift < 64 / element_size(dtype); shift += 3) {
          std::vector<char> moved(row.size() + 64);
          char* const data = moved.data() + shift * element_size(dtype);
          std::memcpy(data, row.bytes.data(), row.size());
          lpreg_row_part part{};
          kernels->part({data, count, dtype}, {0.9, 0}, true, true, &part);
          CHECK(same_bits(part, first));
        }
      }
    }
  }
}

double reference_cross(const Row& current, const Row& old, float cut, ExpParams params) {
  const float current_max = max_of(current.values), old_max = max_of(old.values);
  double sum = 0;
  for (size_t i = 0; i < old.values.size(); ++i) {
    const double old_d = distance(old.values[i], old_max, params);
    if (old.values[i] == -kInfinity || old_d < static_cast<double>(cut)) continue;
    const double d = distance(current.values[i], current_max, params);
    sum += std::exp(old_d / params.temperature) * (old_d - d) / params.temperature;
  }
  return sum;
}

void cross_of_every_pair_of_dtypes() {
  for (const int64_t count : {1, 31, 33, 128, 4099}) {
    for (const int32_t dtype : kDtypes) {
      for (const int32_t old_dtype : kDtypes) {
        for (const double softcap : {0.0, 25.0}) {
          const Row current(draw_logits(kNormal, count, 1), dtype, GuardedBytes::kEndAtGuard);
          const Row old(draw_logits(kMaskedVocabulary, count, 2), old_dtype, GuardedBytes::kEndAtGuard);
          const ExpParams params{0.8, softcap};
          const double expected = reference_cross(current, old, -4, params);
          for (const RowKernels* kernels : runnable_kernels()) {
            const double actual = kernels->cross(current.view(), max_of(current.values), old.view(),
                                                 max_of(old.values), -4, params);
            CHECK_NEAR(actual, expected, 3e-6 * (1 + std::fabs(expected)));
          }
        }
      }
    }
  }
}

void cross_is_infinite_when_a_kept_token_is_lost() {
  std::vector<float> old_values(100, 0.0F), values(100, 0.0F);
  values[99] = -kInfinity;
  for (const RowKernels* kernels : runnable_kernels()) {
    const Row current(values, LPREG_FLOAT32, GuardedBytes::kEndAtGuard);
    const Row old(old_values, LPREG_BFLOAT16, GuardedBytes::kEndAtGuard);
    CHECK(kernels->cross(current.view(), 0, old.view(), 0, -1, {1, 0}) == kInfinity);
    old_values[99] = -2;  // outside of K
    const Row other(old_values, LPREG_BFLOAT16, GuardedBytes::kEndAtGuard);
    CHECK(kernels->cross(current.view(), 0, other.view(), 0, -1, {1, 0}) == 0);
    old_values[99] = 0;
  }
}

void proxy_row_and_its_dot_product() {
  for (const int64_t count : {1, 17, 64, 333}) {
    for (const int32_t dtype : kDtypes) {
      const Row old(draw_logits(kMaskedVocabulary, count, 9), dtype, GuardedBytes::kEndAtGuard);
      const Row row(draw_logits(kHuge, count, 8), dtype, GuardedBytes::kEndAtGuard);
      const float old_max = max_of(old.values), max = max_of(row.values);
      const GuardedBytes proxy(static_cast<size_t>(count) * sizeof(float), GuardedBytes::kEndAtGuard);
      float* const q = reinterpret_cast<float*>(proxy.data());
      for (const RowKernels* kernels : runnable_kernels()) {
        kernels->fill_proxy(old.view(), {0.5, 0}, old_max, -6, 0.25, q);
        double dot = 0;
        for (size_t i = 0; i < old.values.size(); ++i) {
          const float d = old.values[i] - old_max;
          const double expected = d >= -6 ? 0.25 * std::exp(static_cast<double>(d) / 0.5) : 0;
          CHECK_NEAR(static_cast<double>(q[i]), expected, 2e-7 * expected);
          if (q[i] > 0) dot += static_cast<double>(q[i]) * static_cast<double>(row.values[i] - max) / 0.5;
        }
        CHECK_NEAR(kernels->proxy_dot(row.view(), {0.5, 0}, max, q), dot, 4e-7 * std::fabs(dot));
        q[0] = 0.5F;
        const std::vector<float> masked(row.values.size(), -kInfinity);
        const Row lost(masked, dtype, GuardedBytes::kEndAtGuard);
        CHECK(kernels->proxy_dot(lost.view(), {0.5, 0}, 0, q) == -kInfinity);
      }
    }
  }
}

// The comparisons above must be able to fail.
void a_wrong_expectation_is_noticed() {
  const Row row(draw_logits(kNormal, 1000, 4), LPREG_FLOAT32, GuardedBytes::kEndAtGuard);
  const float max = max_of(row.values);
  const ReferenceSums expected = reference_sums(row.values, {1, 0}, max, -2);
  std::vector<float> shorter(row.values.begin(), row.values.end() - 1);
  const ReferenceSums without_last = reference_sums(shorter, {1, 0}, max, -2);
  const Tolerance allowed = tolerance({1, 0}, 1000);
  for (const RowKernels* kernels : runnable_kernels()) {
    lpreg_row_part part{};
    lpreg_row_kept kept{};
    kernels->part_and_kept(row.view(), {1, 0}, true, -2, &part, &kept);
    CHECK(close(part.rest, expected.part.rest, allowed));
    CHECK(!close(part.rest, expected.part.rest * 1.000001, allowed));
    CHECK(!close(part.rest, without_last.part.rest, allowed));
    CHECK(!close(part.moment, without_last.part.moment, allowed));
    CHECK(!close(kept.kept_rest, kept.dropped, allowed));
  }
}

}  // namespace

int main() {
  every_length_dtype_and_kind();
  very_long_rows();
  softcap_and_temperatures();
  empty_and_masked_rows();
  nan_and_infinity_spoil_rest();
  nan_spoils_rest_in_a_long_row();
  a_maximum_of_zero_is_positive_zero();
  sums_do_not_depend_on_where_a_row_lies();
  cross_of_every_pair_of_dtypes();
  cross_is_infinite_when_a_kept_token_is_lost();
  proxy_row_and_its_dot_product();
  a_wrong_expectation_is_noticed();
  return finish();
}
