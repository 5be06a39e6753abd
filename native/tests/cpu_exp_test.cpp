// The vector exp in units in the last place, over its whole range and at many temperatures, read through
// fill_proxy, and the softcapped distance, read through kept's linear sum.
#include "check.h"
#include "cpu/kernel_choice.h"
#include "cpu_support.h"

using namespace lpreg::cpu;
using namespace lpreg::test;

namespace {

constexpr double kFlushBelow = 0x1p-125;  // results down to 2^-125.5 are normal, smaller ones are 0

std::vector<float> exps(const RowKernels& kernels, const std::vector<float>& d, double temperature) {
  std::vector<float> e(d.size());
  const RowView row{d.data(), static_cast<int64_t>(d.size()), LPREG_FLOAT32};
  kernels.fill_proxy(row, {temperature, 0}, 0, -kInfinity, 1, e.data());
  return e;
}

double error_in_ulp(float actual, float d, double temperature) {
  const long double exact = std::exp(static_cast<long double>(d) / static_cast<long double>(temperature));
  int exponent = 0;
  std::frexp(exact, &exponent);
  return static_cast<double>((static_cast<long double>(actual) - exact) / std::ldexp(1.0L, exponent - 24));
}

void exp_is_precise_over_its_whole_range() {
  constexpr int kSteps = 100000;
  for (const double temperature : {1.0, 0.6, 0.7, 3.0, 1e-3, 1e4, 1.0 / 3.0}) {
    std::vector<float> d;
    for (int i = 0; i <= kSteps; ++i) d.push_back(static_cast<float>(-86.6 * temperature * i / kSteps));
    for (const RowKernels* kernels : runnable_kernels()) {
      const std::vector<float> e = exps(*kernels, d, temperature);
      double worst = 0, sum = 0;
      for (size_t i = 0; i < d.size(); ++i) {
        const double error = error_in_ulp(e[i], d[i], temperature);
        worst = std::fmax(worst, std::fabs(error));
        sum += error;
      }
      std::printf("%-8s t = %-8.4g worst %.3f ulp, mean %+.4f ulp\n", kernels->name, temperature, worst,
                  sum / kSteps);
      CHECK(worst < 1.5);
      // A bias would add up over a vocabulary.
      CHECK(std::fabs(sum / kSteps) < 0.05);
    }
  }
}

void exp_is_exact_at_zero_and_never_above_one() {
  std::vector<float> d = {0.0F, -0.0F};
  for (int exponent = -149; exponent <= 0; ++exponent) d.push_back(-std::ldexp(1.0F, exponent));
  for (const double temperature : {1.0, 0.7, 1e-30, 1e30}) {
    for (const RowKernels* kernels : runnable_kernels()) {
      const std::vector<float> e = exps(*kernels, d, temperature);
      CHECK(e[0] == 1 && e[1] == 1);
      for (const float value : e) CHECK(value >= 0 && value <= 1);
    }
  }
}

void tiny_results_are_zero_and_none_is_subnormal() {
  std::vector<float> d;
  for (int i = 0; i < 4000; ++i) d.push_back(-86.0F - 0.001F * static_cast<float>(i));
  for (const float far : {-100.0F, -1e4F, -1e30F, -std::numeric_limits<float>::max(), -kInfinity})
    d.push_back(far);
  for (const RowKernels* kernels : runnable_kernels()) {
    const std::vector<float> e = exps(*kernels, d, 1);
    for (size_t i = 0; i < d.size(); ++i) {
      const double exact = std::exp(static_cast<double>(d[i]));
      CHECK(e[i] == 0 || e[i] >= std::numeric_limits<float>::min());
      if (exact > kFlushBelow) CHECK(std::fabs(error_in_ulp(e[i], d[i], 1)) < 1.5);
      if (exact < 0.7 * kFlushBelow) CHECK(e[i] == 0);
    }
  }
}

// A flush-to-zero mode left on would change the arithmetic of the whole process.
void subnormals_still_work_after_a_kernel() {
  volatile double tiny = 2.2e-308;
  volatile float tiny_float = 1.2e-38F;
  for (const RowKernels* kernels : runnable_kernels()) {
    exps(*kernels, {-1.0F, -200.0F}, 1);
    CHECK(tiny / 2 > 0 && tiny_float / 2 > 0);
  }
}

// cap tanh(z/cap) - cap tanh(max/cap) without its cancellation.
long double exact_softcapped_distance(float z, float max, double softcap) {
  const long double cap = softcap, a = z / cap, b = max / cap;
  return cap * std::sinh(a - b) / (std::cosh(a) * std::cosh(b));
}

double softcapped_distance(const RowKernels& kernels, float z, float max, double softcap) {
  const float row[] = {max, z};
  lpreg_row_kept kept{};
  kernels.kept({row, 2, LPREG_FLOAT32}, {1, softcap}, max, -1, true, &kept);
  return kept.linear;  // the maximiser adds 0
}

void softcapped_distance_is_precise_near_and_far() {
  constexpr double kSaturation = 1e-15;  // of the cap
  for (const RowKernels* kernels : runnable_kernels()) {
    double worst = 0;
    for (const double cap : {0.5, 30.0, 50.0, 1e4}) {
      for (const double max_in_caps : {-15.0, -3.0, -0.5, 0.0, 0.3, 2.0, 8.0, 19.0, 400.0}) {
        const auto max = static_cast<float>(max_in_caps * cap);
        for (int i = 0; i < 2000; ++i) {
          const auto z = static_cast<float>(max - cap * std::pow(10.0, -7 + 0.0045 * i));
          const auto exact = static_cast<double>(exact_softcapped_distance(z, max, cap));
          if (std::fabs(exact) < kSaturation * cap) continue;
          const double d = softcapped_distance(*kernels, z, max, cap);
          const double missing = std::fabs(d - exact) - 0.1 * kSaturation * cap;
          worst = std::fmax(worst, missing / std::fabs(exact));
        }
      }
    }
    std::printf("%-8s softcapped distance: worst %.2f * 2^-24\n", kernels->name, worst * 0x1p24);
    CHECK(worst < 6.5 * 0x1p-24);
  }
}

void softcapped_distance_is_zero_at_the_maximum_and_never_positive() {
  for (const RowKernels* kernels : runnable_kernels()) {
    for (const double cap : {0.5, 30.0}) {
      for (float max = -70; max < 70; max += 0.37F) {
        CHECK(softcapped_distance(*kernels, max, max, cap) == 0);
        float z = max;
        for (int i = 0; i < 20; ++i) {
          z = std::nextafterf(z, -kInfinity);
          CHECK(softcapped_distance(*kernels, z, max, cap) <= 0);
        }
      }
    }
  }
}

// The measure of error above must be able to tell.
void a_wrong_exp_is_noticed() {
  const float e = std::exp(-3.0F);
  CHECK(std::fabs(error_in_ulp(e, -3, 1)) <= 0.6);
  CHECK(std::fabs(error_in_ulp(std::nextafterf(std::nextafterf(e, 1), 1), -3, 1)) > 1.4);
  CHECK(std::fabs(error_in_ulp(std::exp(-3.00001F), -3, 1)) > 100);
}

}  // namespace

int main() {
  exp_is_precise_over_its_whole_range();
  exp_is_exact_at_zero_and_never_above_one();
  tiny_results_are_zero_and_none_is_subnormal();
  subnormals_still_work_after_a_kernel();
  softcapped_distance_is_precise_near_and_far();
  softcapped_distance_is_zero_at_the_maximum_and_never_positive();
  a_wrong_exp_is_noticed();
  return finish();
}
