// Command line of the benchmark.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lpreg::bench {

struct Arguments {
  // Most telling first: a run that is cut short has those.
  std::vector<int64_t> vocabs{151936, 32000, 128256, 262144};
  std::vector<int64_t> rows{8192, 4096, 64, 1};
  std::vector<std::string> dtypes{"bfloat16", "float32"};
  std::vector<std::string> logits{"peaked", "flat"};
  int runs = 20;       // timed; the median counts
  double seconds = 0;  // no further shape is begun after these; 0: no limit
};

// False when the command line is not understood.
bool parse(int argc, char** argv, Arguments* arguments);

extern const char kUsage[];

}  // namespace lpreg::bench
