// Leaves out each barrier of the kernels that ship, one at a time, and looks whether random batches notice:
// by a report of the emulation, or by results that are other bits than with all barriers under some order.
// What no value can show (a buffer that is written again too early) is left to the race detector and is
// listed.
#include <cstdio>
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

constexpr int kLeastCaught = 10;
const char* const kShapes[] = {"threads=64,cluster=1", "threads=64,cluster=2", "threads=64,cluster=-1"};
const char* const kOrders[] = {"forward", "reverse", "random", "starving"};

// One batch per seed; "" as a result's name where the device refused.
std::vector<Results> run_all(const std::string& settings) {
  std::vector<Results> all;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    emulation::clear_failure();
    emulation::configure(settings.c_str());
    const std::unique_ptr<TensorMemory> memory = device_memory();
    lpreg_context* context = nullptr;
    const lpreg_api& api = *lpreg_get_api(LPREG_ABI_VERSION);
    try {
      context = create_context(api, LPREG_BACKEND_CUDA);
      all.push_back(evaluate(api, context, random_case(seed), static_cast<Path>(seed % 3), memory.get()));
    } catch (const std::exception&) {
      all.push_back({{"", {}}});
    }
    if (context != nullptr) api.context_destroy(context);
  }
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

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
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
  int caught = 0;
  for (const std::string& barrier : emulation::barriers_reached()) {
    const std::string settings = noticed_under(barrier, clean);
    caught += !settings.empty();
    std::printf(
        "%s: %s\n", barrier.c_str(),
        settings.empty() ? "not by values: the race detector's" : ("caught under " + settings).c_str());
  }
  std::printf("%d barriers caught by values and reports\n", caught);
  return caught >= kLeastCaught ? 0 : 1;
}
