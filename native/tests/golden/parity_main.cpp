// parity_test [FIRST_SEED [COUNT]]: random batches on the device against the CPU back end of the same
// library. Decisions must be equal; values may differ by 2e-6 + 1e-6 |value|, gradients of 16 bits by one
// rounding more.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include "evaluation.h"
#include "random_case.h"

namespace {

using namespace lpreg::golden;

double allowed_difference(const std::string& dtype, double value) {
  const double computed = 2e-6 + 1e-6 * std::fabs(value);
  if (dtype == "F16") return computed + std::fabs(value) * std::exp2(-10) + std::exp2(-24);
  if (dtype == "BF16") return computed + std::fabs(value) * std::exp2(-7);
  return computed;
}

// "" when every element agrees.
std::string difference(const std::string& name, const FileTensor& device, const FileTensor& cpu) {
  const bool discrete = cpu.dtype == "U8" || cpu.dtype == "I32";
  for (int64_t i = 0; i < cpu.count(); ++i) {
    const double got = device.at(i), want = cpu.at(i);
    if (got == want || (std::isnan(got) && std::isnan(want))) continue;
    if (!discrete && std::fabs(got - want) <= allowed_difference(cpu.dtype, want)) continue;
    char text[160];
    std::snprintf(text, sizeof text, "%s[%lld] is %.9g on the device, %.9g on the CPU", name.c_str(),
                  static_cast<long long>(i), got, want);
    return text;
  }
  return "";
}

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

bool check(const lpreg_api& api, uint64_t seed) {
  const BatchCase batch = random_case(seed);
  const Path paths[] = {Path::kForwardBackward, Path::kInPlace, Path::kTwoCalls};
  const Path path = paths[seed % 3];
  std::string found;
  try {
    const Results cpu = evaluate_on(api, LPREG_BACKEND_CPU, batch, path);
    const Results device = evaluate_on(api, LPREG_BACKEND_CUDA, batch, path);
    for (const auto& [name, tensor] : cpu) {
      if (found.empty()) found = difference(name, device.at(name), tensor);
    }
  } catch (const std::exception& error) {
    found = error.what();
  }
  if (found.empty()) return true;
  std::printf("seed %llu (objective %d, proxy %d, V %lld, %s logits): %s\n",
              static_cast<unsigned long long>(seed), batch.options.objective, batch.options.row.proxy,
              static_cast<long long>(batch.vocab), batch.file.tensors.at("logits").dtype.c_str(),
              found.c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t first = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 200;
  const lpreg_api& api = *lpreg_get_api(LPREG_ABI_VERSION);
  uint64_t failed = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) failed += check(api, seed) ? 0 : 1;
  std::printf("%llu random batches, %llu failed\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(failed));
  return failed == 0 && count > 0 ? 0 : 1;
}
