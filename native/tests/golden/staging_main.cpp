// staging_test [--seconds N] [FIRST_SEED [COUNT]]: random batches in host memory on a CUDA context, whose
// logits pass through staging memory in chunks, against the same batches in device memory: every result has
// the same bits, however the rows are divided.
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "evaluation.h"
#include "random_case.h"
#include "seeds.h"

namespace {

using namespace lpreg::golden;

struct Placement {
  bool on_device;
  int64_t staging_bytes;
};

Results evaluate_in(const lpreg_api& api, const BatchCase& batch, Path path, Placement placement) {
  lpreg_call call{};
  call.struct_size = sizeof call;
  call.host_memory = placement.on_device ? 0 : 1;
  const std::unique_ptr<TensorMemory> memory = placement.on_device ? device_memory() : host_memory();
  lpreg_context* context = create_context(api, LPREG_BACKEND_CUDA, placement.staging_bytes);
  Results results;
  std::string failure;
  try {
    results = evaluate(api, context, batch, path, memory.get(), &call);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  api.context_destroy(context);
  if (!failure.empty()) throw std::runtime_error(failure);
  return results;
}

// Logits, old logits and a wider gradient, a row of each.
int64_t largest_row_bytes(const BatchCase& batch) { return 3 * (batch.vocab * 4 + 16); }

std::string first_difference(const Results& expected, const Results& got) {
  for (const auto& [name, tensor] : expected) {
    const auto found = got.find(name);
    if (found == got.end() || found->second.bytes != tensor.bytes) return name;
  }
  return "";
}

bool check(const lpreg_api& api, uint64_t seed) {
  const BatchCase batch = random_case(seed);
  const Path paths[] = {Path::kForwardBackward, Path::kInPlace, Path::kTwoCalls};
  const Path path = paths[seed % 3];
  const int64_t row = largest_row_bytes(batch);
  std::string found;
  try {
    const Results expected = evaluate_in(api, batch, path, {true, 0});
    for (const int64_t staging_bytes : {row, 7 * row, int64_t{0}}) {
      if (found.empty()) {
        found = first_difference(expected, evaluate_in(api, batch, path, {false, staging_bytes}));
      }
    }
  } catch (const std::exception& error) {
    found = error.what();
  }
  if (found.empty()) return true;
  std::printf("seed %llu (objective %d, proxy %d, V %lld, %lld rows): %s\n",
              static_cast<unsigned long long>(seed), batch.options.objective, batch.options.row.proxy,
              static_cast<long long>(batch.vocab), static_cast<long long>(batch.rows()), found.c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const lpreg_api& api = *lpreg_get_api(LPREG_ABI_VERSION);
  unsigned long long count = 0;
  unsigned long long failed = 0;
  Seeds(argc, argv, 100).for_each([&](uint64_t seed) {
    ++count;
    failed += check(api, seed) ? 0 : 1;
  });
  std::printf("%llu random batches, %llu failed\n", count, failed);
  return failed == 0 && count > 0 ? 0 : 1;
}
