// What is told about a machine without a usable CUDA device: one reason, with the versions that it is about,
// and the next thing to do.
#include "cuda/availability.h"

#include "check.h"

namespace {

using namespace lpreg::cuda;

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

Availability found(Absence absence) {
  Availability a;
  a.absence = absence;
  a.driver_version = 12040;
  a.runtime_version = 13000;
  a.compute_capability = 61;
  a.architectures = "75,90";
  a.detail = "initialization error";
  return a;
}

void test_a_usable_device_has_no_reason() {
  CHECK(reason_of(found(Absence::kNone)).empty() && advice_of(found(Absence::kNone)).empty());
}

void test_an_old_driver_is_told_with_both_versions_and_the_driver_needed() {
  CHECK(contains(reason_of(found(Absence::kOldDriver)), "CUDA 12.4"));
  CHECK(contains(reason_of(found(Absence::kOldDriver)), "CUDA 13.0"));
  CHECK(contains(advice_of(found(Absence::kOldDriver)), "R580"));
  Availability older = found(Absence::kOldDriver);
  older.runtime_version = 12060;
  CHECK(contains(advice_of(older), "R525"));
}

void test_a_missing_driver_is_told_with_the_driver_needed() {
  CHECK(contains(reason_of(found(Absence::kNoDriver)), "libcuda.so.1"));
  CHECK(contains(advice_of(found(Absence::kNoDriver)), "R580"));
}

void test_an_unsupported_device_is_told_with_its_architecture_and_those_built() {
  CHECK(contains(reason_of(found(Absence::kNoKernels)), "6.1"));
  CHECK(contains(reason_of(found(Absence::kNoKernels)), "75,90"));
  CHECK(contains(advice_of(found(Absence::kNoKernels)), "CUDAARCHS=61"));
}

void test_an_unknown_failure_is_told_in_the_words_of_the_runtime() {
  CHECK(contains(reason_of(found(Absence::kFailed)), "initialization error"));
}

// A failed call's message holds both sentences.
void test_every_reason_fits_into_a_message_with_its_advice() {
  for (int kind = 1; kind <= static_cast<int>(Absence::kFailed); ++kind) {
    const Availability a = found(static_cast<Absence>(kind));
    CHECK(!reason_of(a).empty() && !advice_of(a).empty());
    CHECK(reason_of(a).size() + advice_of(a).size() + 3 < 256);
  }
}

}  // namespace

int main() {
  test_a_usable_device_has_no_reason();
  test_an_old_driver_is_told_with_both_versions_and_the_driver_needed();
  test_a_missing_driver_is_told_with_the_driver_needed();
  test_an_unsupported_device_is_told_with_its_architecture_and_those_built();
  test_an_unknown_failure_is_told_in_the_words_of_the_runtime();
  test_every_reason_fits_into_a_message_with_its_advice();
  return lpreg::test::finish();
}
