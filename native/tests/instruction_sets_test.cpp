// instruction_sets_test [--seconds N] [FIRST_SEED [COUNT]]: random batches on every instruction set of this
// machine against the baseline.
#include <cinttypes>
#include <string>

#include "check.h"
#include "cpu/kernel_choice.h"
#include "engine/context.h"
#include "golden/comparison.h"
#include "golden/random_case.h"
#include "golden/seeds.h"

namespace {

using namespace lpreg::golden;
using lpreg::cpu::RowKernels;

Results evaluate_with(const RowKernels& kernels, const BatchCase& batch, Path path) {
  lpreg_context context(2, kernels);
  return evaluate(*lpreg_get_api(LPREG_ABI_VERSION), &context, batch, path, host_memory().get());
}

long compared = 0, left_out = 0;

void test_case(uint64_t seed) {
  const std::vector<const RowKernels*> all = lpreg::cpu::runnable_kernels();
  const BatchCase batch = random_case(seed);
  const Path path = static_cast<Path>(seed % 3);
  const Results baseline = evaluate_with(*all.front(), batch, path);
  if (rests_on_rounding(batch, baseline)) {
    ++left_out;
    return;
  }
  ++compared;
  for (const RowKernels* kernels : all) {
    const std::string found = difference(evaluate_with(*kernels, batch, path), baseline);
    if (CHECK(found.empty())) continue;
    std::printf("  seed %" PRIu64 ", %s against baseline: %s\n", seed, kernels->name, found.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Seeds seeds(argc, argv, 1000);
  seeds.for_each(test_case);
  std::printf("random batches from seed %" PRIu64 " on: %ld compared, %ld left out\n", seeds.first(),
              compared, left_out);
  return lpreg::test::finish();
}
