// The safetensors reader of the native programs, the options that it reads from a file's metadata, and the
// evaluation of what it lets through.
#include <cstdint>
#include <stdexcept>
#include <string>

#include "../golden/batch_case.h"
#include "../golden/evaluation.h"

using namespace lpreg::golden;

namespace {

lpreg_context* context() {
  static lpreg_context* const shared = create_context(*lpreg_get_api(LPREG_ABI_VERSION), LPREG_BACKEND_CPU);
  return shared;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  try {
    const BatchCase batch = make_batch_case(parse_safetensors({bytes, bytes + size}));
    evaluate(*lpreg_get_api(LPREG_ABI_VERSION), context(), batch, Path::kForwardBackward,
             host_memory().get());
  } catch (const std::runtime_error&) {
    // Refused in words.
  }
  return 0;
}
