// instruction_sets_test [FIRST_SEED [COUNT]]: random batches on every instruction set of this machine against
// the baseline.
#include <cinttypes>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "check.h"
#include "cpu/kernel_choice.h"
#include "engine/context.h"
#include "golden/comparison.h"
#include "golden/random_case.h"

namespace {

using namespace lpreg::golden;
using lpreg::cpu::RowKernels;

Results evaluate_with(const RowKernels& kernels, const BatchCase& batch, Path path) {
  lpreg_context context(2, kernels);
  return evaluate(*lpreg_get_api(LPREG_ABI_VERSION), &context, batch, path, host_memory().get());
}

void test_case(uint64_t seed) {
  const std::vector<const RowKernels*> all = lpreg::cpu::runnable_kernels();
  const BatchCase batch = random_case(seed);
  const Path path = static_cast<Path>(seed % 3);
  const Results baseline = evaluate_with(*all.front(), batch, path);
  if (rests_on_rounding(batch, baseline)) return;
  for (const RowKernels* kernels : all) {
    const std::string found = difference(evaluate_with(*kernels, batch, path), baseline);
    if (CHECK(found.empty())) continue;
    std::printf("  seed %" PRIu64 ", %s against baseline: %s\n", seed, kernels->name, found.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t first = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000;
  for (uint64_t seed = first; seed < first + count; ++seed) test_case(seed);
  return lpreg::test::finish();
}
