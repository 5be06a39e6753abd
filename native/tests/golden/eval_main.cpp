// lpreg_eval [--backend cpu|cuda] [--logits NAME] BATCH.safetensors OUT.safetensors
// Evaluates a batch file of docs/semantics.md §9 through the C ABI; names as `lp-reg eval` writes them.
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "evaluation.h"

namespace {

struct Arguments {
  std::string logits = "logits";
  bool device = LPREG_GOLDEN_DEVICE;
  std::vector<std::string> paths;
};

bool parse(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("--", 0) != 0) {
      arguments->paths.push_back(word);
    } else if (word == "--logits" && i + 1 < argc) {
      arguments->logits = argv[++i];
    } else if (word == "--backend" && i + 1 < argc) {
      const std::string name = argv[++i];
      if (name != "cpu" && name != "cuda") return false;
      arguments->device = name == "cuda";
    } else {
      return false;
    }
  }
  return arguments->paths.size() == 2;
}

void run(const Arguments& arguments) {
  using namespace lpreg::golden;
#if LPREG_GOLDEN_DEVICE
  const std::unique_ptr<TensorMemory> memory = arguments.device ? device_memory() : host_memory();
#else
  const std::unique_ptr<TensorMemory> memory = host_memory();
#endif
  const lpreg_api& api = *lpreg_get_api(LPREG_ABI_VERSION);
  lpreg_context* context = create_context(api, arguments.device ? LPREG_BACKEND_CUDA : LPREG_BACKEND_CPU);
  const BatchCase batch = read_batch_case(arguments.paths[0], arguments.logits);
  write_safetensors(arguments.paths[1], evaluate(api, context, batch, Path::kForwardBackward, memory.get()));
  api.context_destroy(context);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, &arguments)) {
    std::fprintf(stderr, "usage: %s [--backend cpu|cuda] [--logits NAME] BATCH.safetensors OUT.safetensors\n",
                 argv[0]);
    return 2;
  }
  try {
    run(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
