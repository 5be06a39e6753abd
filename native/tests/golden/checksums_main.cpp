// checksums_test [--write] [--perturbed] FOLDER FILE
// The bits of every golden vector's results, on every instruction set of this machine and for several numbers
// of threads, against those recorded in FILE. --write records them; columns of other machines stay.
// --perturbed: perturbed_libm must be loaded and in use.
#include <dlfcn.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "../check.h"
#include "cpu/kernel_choice.h"
#include "engine/context.h"
#include "evaluation.h"

namespace {

using namespace lpreg::golden;

// Checksums by vector and instruction set.
using Table = std::map<std::string, std::map<std::string, std::string>>;

constexpr const char* kHeading =
    "# Checksums of the golden vectors' results by instruction set. Written by `lpreg_checksums --write`.\n";

class Checksum {  // FNV-1a
 public:
  void add(const void* data, size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (size_t i = 0; i < size; ++i) value_ = (value_ ^ bytes[i]) * 0x100000001b3u;
  }
  std::string text() const {
    char text[17];
    std::snprintf(text, sizeof text, "%016" PRIx64, value_);
    return text;
  }

 private:
  uint64_t value_ = 0xcbf29ce484222325u;
};

// C libraries differ in the last bit of a logarithm. It is lost when a result is rounded to float32, as the
// loss is here too, but for differences that should be 0: below 1e-12 a value per token counts as 0.
void add_values(Checksum* sum, const FileTensor& tensor) {
  for (int64_t i = 0; i < tensor.count(); ++i) {
    const double exact = tensor.at(i);
    const auto value = static_cast<float>(std::fabs(exact) < 1e-12 ? 0 : exact);
    sum->add(&value, sizeof value);
  }
}

std::string checksum(const Results& results) {
  Checksum sum;
  for (const auto& [name, tensor] : results) {
    sum.add(name.data(), name.size());
    if (name == "grad") {
      sum.add(tensor.bytes.data(), tensor.bytes.size());
    } else {
      add_values(&sum, tensor);
    }
  }
  return sum.text();
}

std::string evaluate_with(const lpreg::cpu::RowKernels& kernels, int threads, const BatchCase& batch) {
  lpreg_context context(threads, kernels);
  return checksum(evaluate(*lpreg_get_api(LPREG_ABI_VERSION), &context, batch, Path::kForwardBackward,
                           host_memory().get()));
}

Table read_table(const std::string& path) {
  Table table;
  std::ifstream file(path);
  std::vector<std::string> columns;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string vector, word;
    words >> vector;
    if (columns.empty()) {
      while (words >> word) columns.push_back(word);
    } else {
      for (const std::string& column : columns) words >> table[vector][column];
    }
  }
  return table;
}

void write_table(const std::string& path, const Table& table) {
  std::ofstream file(path);
  const std::vector<std::string> columns = {"baseline", "avx2", "avx512", "neon"};
  file << kHeading << "vector";
  for (const std::string& column : columns) file << ' ' << column;
  for (const auto& [vector, checksums] : table) {
    file << '\n' << vector;
    for (const std::string& column : columns) {
      const auto found = checksums.find(column);
      file << ' ' << (found == checksums.end() ? "-" : found->second);
    }
  }
  file << '\n';
  if (!file.flush()) throw std::runtime_error(path + " could not be written");
}

// Fails the test unless perturbed_libm has been asked for most of the elementary functions' values.
void check_perturbed() {
  const auto calls = reinterpret_cast<long (*)()>(dlsym(RTLD_DEFAULT, "lpreg_perturbed_calls"));
  if (!CHECK(calls != nullptr)) return;
  CHECK(calls() > 1000);
}

std::vector<std::filesystem::path> vectors_in(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void run(const std::string& folder, const std::string& file, bool writes) {
  Table recorded = read_table(file);
  Table current;
  for (const auto& path : vectors_in(folder)) {
    const std::string name = path.stem().string();
    const BatchCase batch = read_batch_case(path.string());
    std::map<std::string, std::string>& checksums = current[name] = recorded[name];
    for (const lpreg::cpu::RowKernels* kernels : lpreg::cpu::runnable_kernels()) {
      std::string& expected = checksums[kernels->name];
      if (writes) expected = evaluate_with(*kernels, 1, batch);
      for (const int threads : {1, 2, 5}) {
        const std::string found = evaluate_with(*kernels, threads, batch);
        if (CHECK(found == expected)) continue;
        std::printf("  %s, %s, %d threads: %s, recorded %s\n", name.c_str(), kernels->name, threads,
                    found.c_str(), expected.c_str());
      }
    }
  }
  CHECK(writes || recorded.size() == current.size());  // no line for a vector that is not there
  if (writes) write_table(file, current);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> paths;
  bool writes = false, perturbed = false;
  for (int i = 1; i < argc; ++i) {
    writes |= std::strcmp(argv[i], "--write") == 0;
    perturbed |= std::strcmp(argv[i], "--perturbed") == 0;
    if (argv[i][0] != '-') paths.emplace_back(argv[i]);
  }
  if (paths.size() != 2) {
    std::fprintf(stderr, "usage: lpreg_checksums [--write] [--perturbed] FOLDER FILE\n");
    return 2;
  }
  try {
    run(paths[0], paths[1], writes);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  if (perturbed) check_perturbed();
  const int status = lpreg::test::finish();
  if (status != 0) std::printf("A change of arithmetic that is meant is recorded with --write.\n");
  return status;
}
