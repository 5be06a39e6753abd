// planted_test PLANT MODE: the kernel with the plant must be found out by the mode, and the same kernel
// without it must be clean under the same schedules. Modes: values    wrong results under some schedule
//        bits      results that differ between schedules
//        report:K  a violation of kind K, under every schedule
//        sanitizer the plant is run and a sanitizer ends the program; CTest checks what it says
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "../device/device_array.h"
#include "cuda/device_api.h"
#include "emulation/config.h"
#include "emulation/launch.h"
#include "planted_kernels.cuh"

namespace lpreg::planted {
namespace {

using Values = std::vector<float>;

using test::DeviceArray;
constexpr int64_t kRows = 3, kWidth = 333;

Values inputs() {
  Values values;
  for (int i = 0; i < kRows * kWidth; ++i) values.push_back(static_cast<float>(i * 37 % 101 - 50) / 8);
  return values;
}

template <Plant P>
Values run_row_sums() {
  const DeviceArray<float> rows(inputs()), out(2 * kRows);
  cuda::launch(row_sums<P>, {kRows, 64}, nullptr, rows.data(), kWidth, kWidth, out.data());
  return out.read(0, 2 * kRows);
}

template <Plant P>
Values run_cluster_row_sums() {
  const DeviceArray<float> rows(inputs()), out(kRows);
  cuda::launch(cluster_row_sums<P>, {kRows * 2, 32, 2}, nullptr, rows.data(), kWidth, out.data());
  return out.read(0, kRows);
}

template <Plant P>
Values run_log_sum_exp() {
  Values values = inputs();
  for (int i = 0; i < 40; ++i) values[static_cast<size_t>(i)] = -HUGE_VALF;
  const DeviceArray<float> rows(values), out(kRows);
  cuda::launch(row_log_sum_exp<P>, {kRows, 32}, nullptr, rows.data(), kWidth, out.data());
  return out.read(0, kRows);
}

// Rows that begin at odd elements, the last one ending with the allocation; or rows more than 2^31 elements
// apart.
template <Plant P>
Values run_copy_rows() {
  const int64_t stride = P == Plant::kOffset32 ? int64_t{3} << 30 : kWidth;
  const size_t count = static_cast<size_t>(stride * (kRows - 1) + kWidth);
  DeviceArray<uint16_t> from(count);
  const DeviceArray<uint16_t> to(count);
  for (int64_t row = 0; row < kRows; ++row) {
    std::vector<uint16_t> values;
    for (int64_t i = 0; i < kWidth; ++i) values.push_back(static_cast<uint16_t>(row * kWidth + i));
    from.write(static_cast<size_t>(row * stride), values);
  }
  cuda::launch(copy_rows<P>, {kRows, 32}, nullptr, from.data(), to.data(), kWidth, stride);
  Values copied;
  for (int64_t row = 0; row < kRows; ++row) {
    for (const uint16_t value : to.read(static_cast<size_t>(row * stride), kWidth)) copied.push_back(value);
  }
  return copied;
}

template <Plant P>
Values run_grid_total() {
  const DeviceArray<uint32_t> total(2);
  cuda::set_zero(total.data(), 8, nullptr);
  cuda::launch(grid_total<P>, {19, 32}, nullptr, total.data());
  const std::vector<uint32_t> words = total.read(0, 2);
  Values values{static_cast<float>(words[0]), 0};
  std::memcpy(&values[1], &words[1], sizeof(float));
  return values;
}

struct Case {
  const char* name;
  Values (*planted)();
  Values (*clean)();
};

#define LPREG_CASE(name, run, plant) \
  { name, run<Plant::plant>, run<Plant::kNone> }
const Case kCases[] = {
    LPREG_CASE("read-before-barrier", run_row_sums, kReadBeforeBarrier),
    LPREG_CASE("reuse-before-barrier", run_row_sums, kReuseBeforeBarrier),
    LPREG_CASE("divergent-barrier", run_row_sums, kDivergentBarrier),
    LPREG_CASE("absent-lane", run_row_sums, kAbsentLane),
    LPREG_CASE("unwritten-shared", run_row_sums, kUnwrittenShared),
    LPREG_CASE("read-before-cluster-sync", run_cluster_row_sums, kReadBeforeClusterSync),
    LPREG_CASE("early-exit", run_cluster_row_sums, kEarlyExit),
    LPREG_CASE("wrong-rank", run_cluster_row_sums, kWrongRank),
    LPREG_CASE("past-the-end", run_copy_rows, kPastTheEnd),
    LPREG_CASE("past-the-end-raw", run_copy_rows, kPastTheEndRaw),
    LPREG_CASE("dropped-tail", run_copy_rows, kDroppedTail),
    LPREG_CASE("misaligned", run_copy_rows, kMisaligned),
    LPREG_CASE("misaligned-raw", run_copy_rows, kMisalignedRaw),
    LPREG_CASE("offset-32", run_copy_rows, kOffset32),
    LPREG_CASE("unguarded-merge", run_log_sum_exp, kUnguardedMerge),
    LPREG_CASE("cross-block-race", run_grid_total, kCrossBlockRace),
    LPREG_CASE("unordered-sum", run_grid_total, kUnorderedSum),
};

struct Outcome {
  Values values;
  std::string kind;
};

std::vector<Outcome> run_schedules(Values (*run)()) {
  std::vector<Outcome> outcomes;
  for (const char* order : {"forward", "reverse", "random", "starving"}) {
    for (int seed = 1; seed <= 4; ++seed) {
      const std::string settings =
          std::string("guard=1,strict=1,order=") + order + ",seed=" + std::to_string(seed);
      emulation::configure(settings.c_str());
      emulation::clear_failure();
      Values values = run();
      outcomes.push_back({std::move(values), emulation::failed_grid().kind});
    }
  }
  emulation::clear_failure();
  return outcomes;
}

bool same_bits(const Values& a, const Values& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

int count(const std::vector<Outcome>& outcomes, const Values& right) {
  int differing = 0;
  for (const Outcome& outcome : outcomes)
    differing += outcome.kind.empty() && !same_bits(outcome.values, right);
  return differing;
}

bool check(const Case& tested, const std::string& mode) {
  const std::vector<Outcome> clean = run_schedules(tested.clean);
  for (const Outcome& outcome : clean) {
    if (!outcome.kind.empty() || !same_bits(outcome.values, clean[0].values)) {
      std::printf("the kernel without the plant is not clean: %s\n", outcome.kind.c_str());
      return false;
    }
  }
  if (mode == "sanitizer-clean") return true;
  const std::vector<Outcome> planted = run_schedules(tested.planted);
  const int schedules = static_cast<int>(planted.size());
  int reported = 0;
  for (const Outcome& outcome : planted)
    reported += !outcome.kind.empty() && mode == "report:" + outcome.kind;
  const int wrong = count(planted, clean[0].values), varied = count(planted, planted[0].values);
  std::printf("%s: wrong under %d, differing under %d, reported under %d of %d schedules\n", tested.name,
              wrong, varied, reported, schedules);
  if (mode == "values") return wrong > 0;
  if (mode == "bits") return varied > 0;
  return reported == schedules;
}

}  // namespace
}  // namespace lpreg::planted

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  for (const auto& tested : lpreg::planted::kCases) {
    if (std::strcmp(tested.name, argv[1]) != 0) continue;
    const bool caught = lpreg::planted::check(tested, argv[2]);
    std::printf("%s by %s\n", caught ? "caught" : "NOT CAUGHT", argv[2]);
    return caught ? 0 : 1;
  }
  std::printf("no such plant: %s\n", argv[1]);
  return 2;
}
