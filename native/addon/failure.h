// Failures on their way to JavaScript, where lib/native/failure.ts makes an LpRegError of them.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

#include "lpreg.h"

namespace lpreg_addon {

// Beyond lpreg_status: what can only go wrong with JavaScript objects.
enum AddonStatus : int32_t { kDetached = 1000, kDisposed = 1001 };

struct Failure {
  int32_t status;        // lpreg_status or AddonStatus
  std::string argument;  // a field's name in lpreg.h, "" if none
  std::string message;
  int64_t index = -1;
  int32_t output_status = LPREG_UNTOUCHED;
};

// For calls of Node-API: throws the exception that is pending.
inline void check_status(Napi::Env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

lpreg_error empty_error();
Failure to_failure(lpreg_status status, const lpreg_error& error);
void throw_if_failed(lpreg_status status, const lpreg_error& error);
// Turns the exception being handled, other than a Napi::Error, into a failure; to be called in a catch block.
Failure current_failure();

// { status, argument, message, index, outputStatus }: what the functions of the addon throw.
Napi::Object failure_object(Napi::Env env, const Failure& failure);

}  // namespace lpreg_addon
