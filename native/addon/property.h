// Reading the plain objects that lib/ hands over. They have no prototype; a property that is undefined is
// absent.
#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>

#include "failure.h"

namespace lpreg_addon {

inline std::optional<Napi::Value> property(const Napi::Object& object, const char* name) {
  Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return std::nullopt;
  return value;
}

inline Napi::Object as_object(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) throw Failure{LPREG_ERR_TYPE, name, "expected an object"};
  return value.As<Napi::Object>();
}

inline double as_number(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) throw Failure{LPREG_ERR_TYPE, name, "expected a number"};
  return value.As<Napi::Number>().DoubleValue();
}

inline int32_t as_int32(const Napi::Value& value, const char* name) {
  as_number(value, name);
  return value.As<Napi::Number>().Int32Value();
}

inline Napi::Object object_property(const Napi::Object& object, const char* name) {
  return as_object(object.Get(name), name);
}

inline double number_property(const Napi::Object& object, const char* name) {
  return as_number(object.Get(name), name);
}

// A size or stride: a safe integer that is not negative.
inline int64_t size_property(const Napi::Object& object, const char* name) {
  const double value = number_property(object, name);
  if (!(value >= 0 && value <= 9007199254740991.0)) throw Failure{LPREG_ERR_SHAPE, name, "expected a size"};
  return static_cast<int64_t>(value);
}

}  // namespace lpreg_addon
