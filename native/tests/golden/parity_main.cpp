// parity_test [--vocab N] [--seconds N] [FIRST_SEED [COUNT]]: random batches on the device against the CPU
// back end of the same library, as many as asked for or as fit the time. Decisions must be equal; values may
// differ by 2e-6 + 1e-6 |value|, gradients of 16 bits by one rounding more. A batch whose decisions rest on
// the rounding of two equal numbers is left out, and counted.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>

#include "comparison.h"
#include "evaluation.h"
#include "random_case.h"
#include "seeds.h"

namespace {

using namespace lpreg::golden;

Results evaluate_on(const lpreg_api& api, lpreg_backend backend, const BatchCase& batch, Path path) {
  const std::unique_ptr<TensorMemory> memory =
      backend == LPREG_BACKEND_CUDA ? device_memory() : host_memory();
  lpreg_context* context = create_context(api, backend);
  Results results;
  std::string failure;
  try {
    results = evaluate(api, context, batch, path, memory.get());
  } catch (const std::exception& error) {
    failure = error.what();
  }
  api.context_destroy(context);
  if (!failure.empty()) throw std::runtime_error(failure);
  return results;
}

enum class Verdict { kEqual, kDifferent, kLeftOut };

Verdict check(const lpreg_api& api, uint64_t seed, int64_t vocab) {
  const BatchCase batch = random_case(seed, vocab);
  const Path paths[] = {Path::kForwardBackward, Path::kInPlace, Path::kTwoCalls};
  const Path path = paths[seed % 3];
  std::string found;
  try {
    const Results cpu = evaluate_on(api, LPREG_BACKEND_CPU, batch, path);
    if (rests_on_rounding(batch, cpu)) return Verdict::kLeftOut;
    const Results device = evaluate_on(api, LPREG_BACKEND_CUDA, batch, path);
    found = difference(device, cpu);
    if (!found.empty()) found += " (the device first)";
  } catch (const std::exception& error) {
    found = error.what();
  }
  if (found.empty()) return Verdict::kEqual;
  std::printf("seed %llu (objective %d, proxy %d, V %lld, %s logits): %s\n",
              static_cast<unsigned long long>(seed), batch.options.objective, batch.options.row.proxy,
              static_cast<long long>(batch.vocab), batch.file.tensors.at("logits").dtype.c_str(),
              found.c_str());
  return Verdict::kDifferent;
}

}  // namespace

int main(int argc, char** argv) {
  int64_t vocab = 0;
  if (argc > 2 && std::strcmp(argv[1], "--vocab") == 0) {
    vocab = std::atoll(argv[2]);
    argc -= 2;
    argv += 2;
  }
  const Seeds seeds(argc, argv, 200);
  const lpreg_api& api = *lpreg_get_api(LPREG_ABI_VERSION);
  std::map<Verdict, unsigned long long> verdicts;
  seeds.for_each([&](uint64_t seed) { ++verdicts[check(api, seed, vocab)]; });
  std::printf("random batches from seed %llu on: %llu equal, %llu failed, %llu left out\n",
              static_cast<unsigned long long>(seeds.first()), verdicts[Verdict::kEqual],
              verdicts[Verdict::kDifferent], verdicts[Verdict::kLeftOut]);
  return verdicts[Verdict::kDifferent] == 0 && verdicts[Verdict::kEqual] > 0 ? 0 : 1;
}
