// What an error says of the gradient is so, for calls that end in the middle: an allocation that fails while
// rows are being written, a call that is cancelled before its first row and after some of them.
#include <string>

#include "faults/failing_allocator.h"
#include "refused_call.h"

namespace {

using namespace lpreg::test;

struct Form {
  const char* name;
  void (*prepare)(Case&);
  bool in_place;
};

void grpo(Case&) {}
void paper(Case& c) { c.use_paper(); }
void paper_on_old(Case& c) {
  c.use_paper();
  c.options.select_on = LPREG_SELECT_OLD;
}
void reference(Case& c) {
  c.use_stored();
  c.options.objective = LPREG_LP_REG_REFERENCE;
  c.options.rho_negative = c.options.rho_positive = 1;
}

constexpr Form kForms[] = {
    {"grpo", grpo, false},
    {"grpo in place", grpo, true},
    {"paper", paper, false},
    {"paper in place", paper, true},
    {"paper on old log-probs in place", paper_on_old, true},
    {"reference in place", reference, true},
};

// A call of the given form, and what its gradient's memory held before.
struct Attempt {
  Case call;
  std::vector<float> before;

  explicit Attempt(const Form& form) {
    form.prepare(call);
    if (form.in_place) call.gradient_matrix = call.batch.logits;
    before = memory();
  }
  const std::vector<float>& memory() const {
    return call.gradient_matrix.data == call.batch.logits.data ? call.logits : call.gradient;
  }
  bool is_told_truly(const lpreg_error& error) const {
    return (error.output_status == LPREG_UNTOUCHED) == (memory() == before);
  }
};

void test_allocations(Calls* calls, const Form& form) {
  bool told[2] = {};
  for (long n = 0;; ++n) {
    Attempt attempt(form);
    lpreg_error error{};
    {
      const AllocationFault fault(n);
      error = calls->run(&attempt.call);
      if (!fault.struck()) break;
    }
    CHECK(error.status == LPREG_ERR_OUT_OF_MEMORY);
    if (!CHECK(attempt.is_told_truly(error))) std::printf("  %s, allocation %ld\n", form.name, n);
    told[error.output_status] = true;
  }
  CHECK(told[LPREG_UNTOUCHED]);
  // Only a selection over the batch allocates once rows are written.
  const bool selects = form.in_place && form.prepare != grpo && form.prepare != paper_on_old;
  CHECK(told[LPREG_CONSUMED] == selects);
}

void test_cancelled(Calls* calls, const Form& form) {
  const int32_t at_once = 1;
  // What counts the rows that are done is the flag that stops the call, so that some of them are.
  volatile int64_t rows_done = 0;
  lpreg_call how[2] = {};
  how[0].cancel = &at_once;
  how[1].rows_done = &rows_done;
  how[1].cancel = reinterpret_cast<const volatile int32_t*>(&rows_done);
  for (lpreg_call& call : how) {
    call.struct_size = sizeof call;
    Attempt attempt(form);
    const lpreg_error error = calls->run(&attempt.call, &call);
    const bool some_rows = call.rows_done != nullptr;
    CHECK(error.status == LPREG_ERR_CANCELLED);
    if (!CHECK(attempt.is_told_truly(error))) std::printf("  %s, cancelled\n", form.name);
    CHECK((error.output_status == LPREG_CONSUMED) == (some_rows && form.in_place));
  }
}

}  // namespace

int main() {
  Calls calls;
  for (const Form& form : kForms) {
    test_allocations(&calls, form);
    test_cancelled(&calls, form);
  }
  return finish();
}
