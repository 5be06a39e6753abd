#include "arguments.h"

namespace lpreg_addon {
namespace {

constexpr const char* kNames[] = {
#define LPREG_NAME(name) #name,
    LPREG_ARGUMENTS(LPREG_NAME)
#undef LPREG_NAME
};

}  // namespace

const char* argument_name(Argument argument) { return kNames[static_cast<size_t>(argument)]; }

Napi::Array argument_names(Napi::Env env) {
  Napi::Array names = Napi::Array::New(env);
  for (const char* name : kNames) names.Set(names.Length(), name);
  return names;
}

double as_number(const Napi::Value& value, const char* name) {
  double number = 0;
  const napi_status status = napi_get_value_double(value.Env(), value, &number);
  if (status == napi_number_expected) throw Failure{LPREG_ERR_TYPE, name, "expected a number"};
  check_status(value.Env(), status);
  return number;
}

int32_t as_int32(const Napi::Value& value, const char* name) {
  as_number(value, name);
  return value.As<Napi::Number>().Int32Value();
}

int64_t as_size(const Napi::Value& value, const char* name) {
  const double number = as_number(value, name);
  if (!(number >= 0 && number <= 9007199254740991.0)) throw Failure{LPREG_ERR_SHAPE, name, "expected a size"};
  return static_cast<int64_t>(number);
}

std::optional<Napi::Value> Arguments::optional(Argument argument) const {
  const Napi::Value value = (*this)[argument];
  if (value.IsUndefined()) return std::nullopt;
  return value;
}

double Arguments::number(Argument argument) const {
  return as_number((*this)[argument], argument_name(argument));
}

}  // namespace lpreg_addon
