// left_out_test [--races | --without BARRIER]
// Leaves out each barrier of the kernels that ship, one at a time, and looks whether random batches notice:
// by a report of the emulation, or by results that are other bits than with all barriers under some order.
// What no value can show, such as a buffer that is written again too early, is the race detector's: --races,
// in a build with it, runs this program once per barrier with --without, and each one must be reported.
#include <sys/wait.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "../golden/evaluation.h"
#include "../golden/random_case.h"
#include "emulation/config.h"
#include "emulation/execution.h"
#include "emulation/launch.h"

namespace {

using namespace lpreg;
using namespace lpreg::golden;

constexpr size_t kLeastReached = 21;  // all but the one of snapshots
constexpr int kLeastCaught = 17;
constexpr uint64_t kSeeds[] = {1, 2, 3, 4, 5, 6, 7, 8, 24, 43, 47, 73};  // the last four for single barriers
const char* const kShapes[] = {"threads=32,cluster=1", "threads=64,cluster=2", "threads=64,cluster=-1"};
const char* const kOrders[] = {"forward", "reverse", "random", "starving"};

// "" as a result's name where the device refused.
Results run_one(const std::string& settings, uint64_t seed) {
  emulation::clear_failure();
  emulation::configure(settings.c_str());
  const std::unique_ptr<TensorMemory> memory = device_memory();
  lpreg_context* context = nullptr;
  const lpreg_api& api = *lpreg_get_api(LPREG_ABI_VERSION);
  Results results;
  try {
    context = create_context(api, LPREG_BACKEND_CUDA);
    results = evaluate(api, context, random_case(seed), static_cast<Path>(seed % 4), memory.get());
  } catch (const std::exception&) {
    results = {{"", {}}};
  }
  if (context != nullptr) api.context_destroy(context);
  return results;
}

std::vector<Results> run_all(const std::string& settings) {
  std::vector<Results> all;
  for (const uint64_t seed : kSeeds) all.push_back(run_one(settings, seed));
  return all;
}

bool same(const std::vector<Results>& a, const std::vector<Results>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size()) return false;
    for (const auto& [name, tensor] : a[i]) {
      const auto other = b[i].find(name);
      if (other == b[i].end() || other->second.bytes != tensor.bytes) return false;
    }
  }
  return true;
}

// The settings under which the barrier is missed by somebody; "" when nobody misses it.
std::string noticed_under(const std::string& barrier, const std::vector<std::vector<Results>>& clean) {
  for (size_t shape = 0; shape < std::size(kShapes); ++shape) {
    for (const char* order : kOrders) {
      const std::string settings = std::string(kShapes[shape]) + ",order=" + order;
      if (!same(clean[shape], run_all("strict=1,leave-out=" + barrier + "," + settings))) return settings;
    }
  }
  return "";
}

int look_for_values() {
  std::vector<std::vector<Results>> clean;
  for (const char* shape : kShapes) {
    const std::string settings = std::string("strict=1,") + shape;
    clean.push_back(run_all(settings));
    for (const Results& results : clean.back()) {
      if (results.count("") == 0) continue;
      std::printf("with every barrier a batch fails\n");
      return 1;
    }
    for (const char* order : kOrders) {
      if (same(clean.back(), run_all(settings + ",order=" + order))) continue;
      std::printf("with every barrier results depend on the order\n");
      return 1;
    }
  }
  const size_t reached = emulation::barriers_reached().size();
  std::printf("%zu barriers reached\n", reached);
  int caught = 0;
  for (const std::string& barrier : emulation::barriers_reached()) {
    const std::string settings = noticed_under(barrier, clean);
    caught += !settings.empty();
    std::printf(
        "%s: %s\n", barrier.c_str(),
        settings.empty() ? "not by values: the race detector's" : ("caught under " + settings).c_str());
  }
  std::printf("%d barriers caught by values and reports\n", caught);
  return reached >= kLeastReached && caught >= kLeastCaught ? 0 : 1;
}

void run_without(const std::string& barrier) {
  for (const uint64_t seed : kSeeds) {
    for (const char* shape : kShapes) run_one("strict=1,leave-out=" + barrier + "," + shape, seed);
  }
}

struct Outcome {
  bool raced;
  int status;
};

Outcome watch(const std::string& program, const std::string& barrier) {
  std::FILE* output = popen(("'" + program + "' --without '" + barrier + "' 2>&1").c_str(), "r");
  if (output == nullptr) return {false, -1};
  std::string text;
  char piece[4096];
  for (size_t length; (length = std::fread(piece, 1, sizeof piece, output)) > 0;) text.append(piece, length);
  return {text.find("ThreadSanitizer: data race") != std::string::npos, WEXITSTATUS(pclose(output))};
}

int look_for_races(const char* program) {
  run_without("");
  const Outcome clean = watch(program, "");
  if (clean.raced || clean.status != 0) {
    std::printf("with every barrier there is a race\n");
    return 1;
  }
  int missed = 0;
  for (const std::string& barrier : emulation::barriers_reached()) {
    const bool raced = watch(program, barrier).raced;
    missed += !raced;
    std::printf("%s: %s\n", barrier.c_str(), raced ? "a race" : "NOT CAUGHT");
  }
  std::printf("%d barriers missed\n", missed);
  return missed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  if (argc == 1) return look_for_values();
  if (argc == 2 && std::strcmp(argv[1], "--races") == 0) return look_for_races(argv[0]);
  if (argc != 3 || std::strcmp(argv[1], "--without") != 0) return 2;
  run_without(argv[2]);
  return 0;
}
