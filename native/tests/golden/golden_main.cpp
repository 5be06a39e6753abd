// golden_test [--filter TEXT] [--max-vocab N] [--schedule SETTINGS]... FOLDER
// Every golden vector of the folder through the C ABI, in every way of calling it, float32 and 16-bit logits,
// by the rule of docs/semantics.md §9; the vocabulary cut into shards, against whole rows. Under emulation,
// once per schedule (LPREG_EMULATION's settings), with results that must be the same bits in all schedules
// that force the same block and cluster size.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "comparison.h"
#include "evaluation.h"
#include "golden_rule.h"
#include "sharded_evaluation.h"
#ifdef LPREG_EMULATION
#include "emulation/config.h"
#include "emulation/launch.h"
#endif

namespace {

using namespace lpreg::golden;

struct Arguments {
  std::string folder, filter;
  int64_t max_vocab = INT64_MAX;
  std::vector<std::string> schedules;
};

struct Tally {
  int passed = 0, failed = 0;
};

const std::pair<Path, const char*> kPaths[] = {{Path::kForwardBackward, "out of place"},
                                               {Path::kInPlace, "in place"},
                                               {Path::kTwoCalls, "two calls"},
                                               {Path::kShards, "by shards"}};

std::unique_ptr<TensorMemory> memory() {
#if LPREG_GOLDEN_DEVICE
  return device_memory();
#else
  return host_memory();
#endif
}

bool parse(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (word == "--filter") {
      arguments->filter = value;
    } else if (word == "--max-vocab") {
      arguments->max_vocab = std::atoll(value);
    } else if (word == "--schedule") {
      arguments->schedules.push_back(value);
    } else {
      if (word.rfind("--", 0) == 0 || !arguments->folder.empty()) return false;
      arguments->folder = word;
      continue;
    }
    ++i;
  }
  if (arguments->schedules.empty()) arguments->schedules.push_back("");
  return !arguments->folder.empty();
}

// Settings apart from order and seed, which must not change a bit.
std::string shape_of(const std::string& schedule) {
  std::string shape, setting;
  for (size_t at = 0; at < schedule.size(); at += setting.size() + 1) {
    setting = schedule.substr(at, schedule.find(',', at) - at);
    if (setting.rfind("order=", 0) != 0 && setting.rfind("seed=", 0) != 0) shape += setting + ",";
  }
  return shape;
}

void set_schedule([[maybe_unused]] const std::string& schedule) {
#ifdef LPREG_EMULATION
  lpreg::emulation::clear_failure();
  if (lpreg::emulation::configure(schedule.c_str())) return;
  std::fprintf(stderr, "schedule not understood: %s\n", schedule.c_str());
  std::exit(2);
#endif
}

bool same_bytes(const Results& a, const Results& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.bytes == y.second.bytes;
  });
}

class GoldenTest {
 public:
  explicit GoldenTest(const Arguments& arguments)
      : arguments_(arguments), api_(*lpreg_get_api(LPREG_ABI_VERSION)) {}

  void run_file(const std::filesystem::path& path) {
    run_logits(path, "logits");
    const BatchCase batch = read_batch_case(path.string());
    for (const char* name : {"logits_bf16", "logits_f16"}) {
      if (batch.has(name)) run_logits(path, name);
    }
  }

  Tally tally() const { return tally_; }

 private:
  void run_logits(const std::filesystem::path& path, const std::string& logits) {
    const BatchCase batch = read_batch_case(path.string(), logits);
    if (batch.vocab > arguments_.max_vocab) return;
    for (const auto& [way, way_name] : kPaths) {
      if (way == Path::kShards && !has_shards(batch.options)) continue;
      std::map<std::string, Results> by_shape;  // the first of each
      for (const std::string& schedule : arguments_.schedules) {
        const std::string name = path.stem().string() + " " + logits + ", " + way_name + " " + schedule;
        run_one(batch, way, schedule, name, &by_shape[shape_of(schedule)]);
      }
      if (way == Path::kForwardBackward) whole_ = by_shape.begin()->second;
    }
  }

  // The scalar stage takes float32 arrays, so that the loss by shards is that of whole rows within their
  // rounding.
  std::vector<std::string> violations_of(const BatchCase& batch, Path way, const Results& results) const {
    if (way != Path::kShards) return violations(batch, results);
    const std::string other = difference(results, whole_);
    return other.empty() ? std::vector<std::string>{} : std::vector<std::string>{other + " of whole rows"};
  }

  void run_one(const BatchCase& batch, Path way, const std::string& schedule, const std::string& name,
               Results* first) {
    set_schedule(schedule);
    std::vector<std::string> found;
    try {
      const std::unique_ptr<TensorMemory> tensors = memory();
      lpreg_context* context =
          create_context(api_, LPREG_GOLDEN_DEVICE ? LPREG_BACKEND_CUDA : LPREG_BACKEND_CPU);
      Results results = evaluate(api_, context, batch, way, tensors.get());
      api_.context_destroy(context);
      found = violations_of(batch, way, results);
      if (!first->empty() && !same_bytes(*first, results))
        found.push_back("other bits than under the first schedule");
      if (first->empty()) *first = std::move(results);
    } catch (const std::exception& error) {
      found.push_back(error.what());
    }
    ++(found.empty() ? tally_.passed : tally_.failed);
    for (const std::string& sentence : found) std::printf("%s: %s\n", name.c_str(), sentence.c_str());
  }

  const Arguments& arguments_;
  const lpreg_api& api_;
  Results whole_;  // of the batch at hand
  Tally tally_;
};

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, &arguments)) {
    std::fprintf(stderr, "usage: %s [--filter TEXT] [--max-vocab N] [--schedule SETTINGS]... FOLDER\n",
                 argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(arguments.folder)) {
    const std::string stem = entry.path().stem().string();
    if (entry.path().extension() == ".safetensors" && stem.find(arguments.filter) != std::string::npos) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  GoldenTest test(arguments);
  for (const auto& file : files) test.run_file(file);
  const Tally tally = test.tally();
  std::printf("%zu files, %d evaluations passed, %d failed\n", files.size(), tally.passed, tally.failed);
  return tally.failed == 0 && tally.passed > 0 ? 0 : 1;
}
