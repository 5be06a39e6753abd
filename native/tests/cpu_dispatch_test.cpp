// The choice of the instruction set: the best by default, the one that LPREG_ISA names when it can run.
#include <cstdlib>
#include <cstring>
#include <string>

#include "check.h"
#include "cpu/dispatch.h"
#include "cpu/kernel_choice.h"
#include "cpu/targets.h"

using namespace lpreg::cpu;

namespace {

void a_runnable_set_that_is_named_is_chosen() {
  for (const RowKernels* kernels : runnable_kernels()) {
    const KernelChoice choice = choose_kernels(kernels->name);
    CHECK(choice.kernels == kernels && choice.error.empty());
  }
}

void nothing_named_gives_the_best() {
  for (const char* nothing : {static_cast<const char*>(nullptr), ""}) {
    const KernelChoice choice = choose_kernels(nothing);
    CHECK(choice.kernels == runnable_kernels().back() && choice.error.empty());
  }
}

void an_unknown_name_is_an_error_and_gives_the_best() {
  for (const char* unknown : {"avx", "AVX2", "avx2 ", "sve"}) {
    const KernelChoice choice = choose_kernels(unknown);
    CHECK(choice.kernels == runnable_kernels().back());
    CHECK(choice.error.find(unknown) != std::string::npos &&
          choice.error.find("baseline") != std::string::npos);
  }
}

void tables_are_whole_and_distinct() {
  std::string names;
  for (const RowKernels* k : runnable_kernels()) {
    CHECK(k->part && k->kept && k->part_and_kept && k->cross && k->fill_proxy && k->proxy_dot && k->gradient);
    CHECK(names.find(k->name) == std::string::npos);
    names += (names.empty() ? "" : ",") + std::string(k->name);
  }
  CHECK(names == available_instruction_sets());
  CHECK(runnable_kernels().front() == &kernels_baseline());
}

// The choice of the process is made once, so the environment is set before anything asks.
void the_environment_forces_the_set_in_use() {
  setenv("LPREG_ISA", "baseline", 1);
  CHECK(&row_kernels() == &kernels_baseline());
  CHECK(std::strcmp(row_kernels().name, "baseline") == 0);
  CHECK(forced_isa_error() == nullptr);
}

}  // namespace

int main() {
  the_environment_forces_the_set_in_use();
  a_runnable_set_that_is_named_is_chosen();
  nothing_named_gives_the_best();
  an_unknown_name_is_an_error_and_gives_the_best();
  tables_are_whole_and_distinct();
  return lpreg::test::finish();
}
