#include "failure.h"

#include <new>
#include <system_error>

namespace lpreg_addon {

lpreg_error empty_error() {
  lpreg_error error{};
  error.struct_size = sizeof error;
  error.index = -1;
  return error;
}

Failure to_failure(lpreg_status status, const lpreg_error& error) {
  return {status, error.argument, error.message, error.index, error.output_status};
}

void throw_if_failed(lpreg_status status, const lpreg_error& error) {
  if (status != LPREG_OK) throw to_failure(status, error);
}

Failure current_failure() {
  try {
    throw;
  } catch (const Failure& failure) {
    return failure;
  } catch (const std::bad_alloc&) {
    return {LPREG_ERR_OUT_OF_MEMORY, "", "memory could not be allocated"};
  } catch (const std::system_error&) {
    return {LPREG_ERR_OUT_OF_MEMORY, "", "the system could not start a thread"};
  } catch (const std::exception& exception) {
    return {LPREG_ERR_INTERNAL, "", exception.what()};
  }
}

Napi::Object failure_object(Napi::Env env, const Failure& failure) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("status", failure.status);
  object.Set("argument", failure.argument);
  object.Set("message", failure.message);
  object.Set("index", static_cast<double>(failure.index));
  object.Set("outputStatus", failure.output_status);
  return object;
}

}  // namespace lpreg_addon
