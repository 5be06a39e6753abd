// lpreg_engine_bench LIBRARY... [--loss NAME] [--form NAME] [--rows N] [--vocab N] [--dtype NAME]
//                    [--logits NAME] [--threads N] [--rounds N] [--no-entropy]
//                    [--cpu-time]
//
// One case through the C ABI, without Node: builds of liblpreg.so against each other, run by run in turns on
// the same memory and beside a memcpy of the logits by as many threads. Inputs are restored outside of the
// timer. Below `valgrind --tool=callgrind --toggle-collect='measured_run*'` with --rounds 1 it counts
// instructions.
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench_batch.h"
#include "include/lpreg.h"

namespace lpreg::bench {
namespace {

struct Arguments {
  std::vector<std::string> libraries;
  std::map<std::string, std::string> values = {
      {"loss", "grpo"},     {"form", "in-place"}, {"rows", "256"},  {"vocab", "151936"}, {"dtype", "float32"},
      {"logits", "peaked"}, {"threads", "1"},     {"rounds", "15"}, {"no-entropy", ""},  {"cpu-time", ""}};

  const std::string& of(const char* name) const { return values.at(name); }
  int64_t number(const char* name) const { return std::atoll(of(name).c_str()); }
  bool has(const char* flag) const { return !of(flag).empty(); }
};

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

Arguments parse(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word.rfind("--", 0) != 0) {
      arguments.libraries.push_back(word);
      continue;
    }
    const auto found = arguments.values.find(word.substr(2));
    if (found == arguments.values.end()) fail("no option " + word);
    if (word == "--no-entropy" || word == "--cpu-time") {
      found->second = "yes";
    } else if (++i < count) {
      found->second = words[i];
    }
  }
  if (arguments.libraries.empty()) fail("give at least one liblpreg.so");
  return arguments;
}

// One build of the library with a context of its own.
class Build {
 public:
  Build(const std::string& path, int threads) {
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) fail(dlerror());
    using GetApi = const lpreg_api* (*)(uint32_t);
    api_ = reinterpret_cast<GetApi>(dlsym(handle, "lpreg_get_api"))(LPREG_ABI_VERSION);
    const lpreg_context_options options{sizeof options, LPREG_BACKEND_CPU, threads, 0, 0};
    if (api_->context_create(&options, &context_, nullptr) != LPREG_OK) fail("no context");
  }

  // Noinline and named, so that callgrind can be told to collect here only.
  __attribute__((noinline)) void measured_run(const Case& item, Batch* batch) {
    lpreg_loss_result result{};
    result.struct_size = sizeof result;
    lpreg_error error{};
    error.struct_size = sizeof error;
    const lpreg_token_outputs* outputs = item.entropy ? &batch->outputs() : nullptr;
    const lpreg_matrix gradient = batch->gradient(item.out_of_place);
    std::vector<double>& workspace = workspace_of(item, *batch);
    const size_t bytes = workspace.size() * sizeof(double);
    const lpreg_status status =
        item.forward_only
            ? api_->loss_forward(context_, &item.options, &batch->view(), workspace.data(), bytes, outputs,
                                 &result, nullptr, &error)
            : api_->loss_forward_backward(context_, &item.options, &batch->view(), workspace.data(), bytes,
                                          {}, &gradient, outputs, &result, nullptr, &error);
    if (status != LPREG_OK) fail(std::string(error.argument) + ": " + error.message);
  }

 private:
  std::vector<double>& workspace_of(const Case& item, const Batch& batch) {
    if (workspace_.empty()) {
      size_t bytes = 0;
      api_->loss_workspace_size(context_, &item.options, &batch.view(), &bytes, nullptr);
      workspace_.resize(bytes / sizeof(double) + 1);
    }
    return workspace_;
  }

  const lpreg_api* api_ = nullptr;
  lpreg_context* context_ = nullptr;
  std::vector<double> workspace_;
};

// Of the clock, or with --cpu-time of all threads' time on a processor, which leaves out what other programs
// take.
double milliseconds(bool cpu_time) {
  timespec now{};
  clock_gettime(cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

void copy_with(int threads, char* target, const char* source, size_t bytes) {
  std::vector<std::thread> crew;
  const size_t share = bytes / static_cast<size_t>(threads);
  for (int i = 0; i < threads; ++i) {
    const size_t begin = static_cast<size_t>(i) * share;
    const size_t size = i + 1 == threads ? bytes - begin : share;
    const auto work = [=] { std::memcpy(target + begin, source + begin, size); };
    if (i + 1 == threads) {
      work();
    } else {
      crew.emplace_back(work);
    }
  }
  for (std::thread& member : crew) member.join();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int run(const Arguments& arguments) {
  const auto threads = static_cast<int>(arguments.number("threads"));
  Case item = case_named(arguments.of("loss"), arguments.of("form"));
  item.entropy = !arguments.has("no-entropy");
  Batch batch(arguments.number("rows"), arguments.number("vocab"), arguments.of("dtype"),
              arguments.of("logits") == "peaked");
  std::optional<Batch> old;
  if (item.options.row.proxy == LPREG_PROXY_OLD) {
    old.emplace(batch.view().rows, batch.view().vocab, arguments.of("dtype"),
                arguments.of("logits") == "peaked");
    old->restore();
    batch.set_old_logits(*old);
  }
  std::vector<Build> builds;
  for (const std::string& path : arguments.libraries) builds.emplace_back(path, threads);

  const int64_t rounds = arguments.number("rounds");
  const bool cpu_time = arguments.has("cpu-time");
  std::vector<std::vector<double>> times(builds.size() + 1);
  for (int64_t round = 0; round < rounds; ++round) {
    for (size_t turn = 0; turn < times.size(); ++turn) {
      const size_t index = (static_cast<size_t>(round) + turn) % times.size();
      batch.restore();
      const double start = milliseconds(cpu_time);
      if (index < builds.size()) {
        builds[index].measured_run(item, &batch);
      } else {
        copy_with(threads, batch.copy_target(), batch.logits(), batch.bytes());
      }
      times[index].push_back(milliseconds(cpu_time) - start);
    }
  }
  const double copy = median(times.back());
  const double elements = static_cast<double>(batch.view().rows * batch.view().vocab);
  for (size_t i = 0; i < times.size(); ++i) {
    const double time = median(times[i]);
    const double best = *std::min_element(times[i].begin(), times[i].end());
    std::printf("%9.4f ms (best %9.4f)  %7.4f ns/element  %6.3f x copy  %s\n", time, best,
                1e6 * time / elements, time / copy,
                i < builds.size() ? arguments.libraries[i].c_str() : "copy");
  }
  return 0;
}

}  // namespace
}  // namespace lpreg::bench

int main(int count, char** words) { return lpreg::bench::run(lpreg::bench::parse(count, words)); }
