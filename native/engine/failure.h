// Errors inside the engine are exceptions of this one type; guard() turns them into a status at the C
// boundary.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>

#include "../include/lpreg.h"

namespace lpreg {

struct Failure {
  lpreg_status status;
  const char* argument;  // a field's name in lpreg.h, "" if none
  int64_t index;         // -1 if none
  const char* message;   // a literal, or text that outlives the call
  lpreg_output_status output_status = LPREG_UNTOUCHED;
};

inline void copy_text(char* target, size_t size, const char* text) { snprintf(target, size, "%s", text); }

inline lpreg_status report(lpreg_error* error, const Failure& failure) {
  if (error != nullptr && error->struct_size == sizeof(lpreg_error)) {
    error->status = failure.status;
    error->output_status = failure.output_status;
    error->index = failure.index;
    copy_text(error->argument, sizeof error->argument, failure.argument);
    copy_text(error->message, sizeof error->message, failure.message);
  }
  return failure.status;
}

inline Failure no_memory(lpreg_output_status output_status = LPREG_UNTOUCHED) {
  return {LPREG_ERR_OUT_OF_MEMORY, "", -1, "the library could not allocate memory", output_status};
}

// Runs the part of a call that writes its gradient: whatever ends it says by `output_status()` whether it had
// begun to.
template <class OutputStatus, class Body>
void tell_output(const OutputStatus& output_status, const Body& body) {
  try {
    body();
  } catch (Failure& failure) {
    failure.output_status = output_status();
    throw;
  } catch (const std::bad_alloc&) {
    throw no_memory(output_status());
  }
}

// Runs a C entry point's body; no exception leaves the library.
template <class Body>
lpreg_status guard(lpreg_error* error, const Body& body) noexcept {
  try {
    body();
    return LPREG_OK;
  } catch (const Failure& failure) {
    return report(error, failure);
  } catch (const std::bad_alloc&) {
    return report(error, no_memory());
  } catch (const std::system_error&) {
    return report(error, {LPREG_ERR_OUT_OF_MEMORY, "threads", -1, "the system could not start a thread"});
  } catch (...) {
    return report(error, {LPREG_ERR_INTERNAL, "", -1, "an unexpected exception inside the library"});
  }
}

template <class Struct>
void check_struct(const Struct* pointer, const char* name) {
  if (pointer == nullptr) throw Failure{LPREG_ERR_MISSING, name, -1, "must not be NULL"};
  if (pointer->struct_size != sizeof(Struct)) {
    throw Failure{LPREG_ERR_TYPE, name, -1, "struct_size is not that of this library's struct"};
  }
}

}  // namespace lpreg
