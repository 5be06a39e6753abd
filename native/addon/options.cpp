#include "options.h"

#include <cstddef>
#include <cstring>
#include <iterator>
#include <limits>

#include "array_view.h"

namespace lpreg_addon {
namespace {

enum class Kind { kDouble, kInt32, kUint64 };

struct Field {
  const char* name;
  size_t offset;
  Kind kind;
};

#define LPREG_FIELD(structure, field, kind)  \
  {                                          \
#field, offsetof(structure, field), kind \
  }

constexpr Field kRowOptions[] = {
    LPREG_FIELD(lpreg_row_options, temperature, Kind::kDouble),
    LPREG_FIELD(lpreg_row_options, softcap, Kind::kDouble),
    LPREG_FIELD(lpreg_row_options, filter_value, Kind::kDouble),
    LPREG_FIELD(lpreg_row_options, filter_kind, Kind::kInt32),
    LPREG_FIELD(lpreg_row_options, filter_on, Kind::kInt32),
    LPREG_FIELD(lpreg_row_options, filter_empty, Kind::kInt32),
    LPREG_FIELD(lpreg_row_options, proxy, Kind::kInt32),
};

constexpr Field kLossOptions[] = {
    LPREG_FIELD(lpreg_loss_options, objective, Kind::kInt32),
    LPREG_FIELD(lpreg_loss_options, aggregation, Kind::kInt32),
    LPREG_FIELD(lpreg_loss_options, estimator, Kind::kInt32),
    LPREG_FIELD(lpreg_loss_options, reference_estimator, Kind::kInt32),
    LPREG_FIELD(lpreg_loss_options, interpolation, Kind::kInt32),
    LPREG_FIELD(lpreg_loss_options, select_on, Kind::kInt32),
    LPREG_FIELD(lpreg_loss_options, non_finite, Kind::kInt32),
    LPREG_FIELD(lpreg_loss_options, check_first, Kind::kInt32),
    LPREG_FIELD(lpreg_loss_options, clip_low, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, clip_high, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, dual_clip, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, ratio_cap, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, entropy_coef, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, reference_coef, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, beta, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, rho, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, rho_negative, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, rho_positive, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, kl_cov_percent, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, kl_cov_coef, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, clip_cov_ratio, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, cov_low, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, cov_high, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, top_fraction, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, tau_positive, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, tau_negative, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_options, seed, Kind::kUint64),
};

#undef LPREG_FIELD

template <class T>
void store(void* structure, size_t offset, T value) {
  std::memcpy(static_cast<char*>(structure) + offset, &value, sizeof value);
}

// A number outside of an integer type becomes its largest value, which the library refuses.
template <class Integer>
Integer to_integer(double number) {
  constexpr auto kLargest = std::numeric_limits<Integer>::max();
  return number >= 0 && number < static_cast<double>(kLargest) ? static_cast<Integer>(number) : kLargest;
}

void store_number(void* structure, const Field& field, double number) {
  switch (field.kind) {
    case Kind::kDouble:
      return store(structure, field.offset, number);
    case Kind::kInt32:
      return store(structure, field.offset, to_integer<int32_t>(number));
    case Kind::kUint64:
      return store(structure, field.offset, to_integer<uint64_t>(number));
  }
}

template <size_t count>
void store_numbers(void* structure, const Field (&fields)[count], const double* numbers) {
  for (const Field& field : fields) store_number(structure, field, *numbers++);
}

const double* read_numbers(const Arguments& arguments, size_t count) {
  const ArrayView view = view_array(arguments[Argument::options], "options");
  require_type(view, {napi_float64_array});
  require_length(view, static_cast<int64_t>(count));
  return reinterpret_cast<const double*>(view.data);
}

template <size_t count>
Napi::Array names_of(Napi::Env env, const Field (&fields)[count]) {
  Napi::Array names = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; ++i) names.Set(i, fields[i].name);
  return names;
}

}  // namespace

lpreg_row_options read_row_options(const Arguments& arguments) {
  lpreg_row_options options{};
  store_numbers(&options, kRowOptions, read_numbers(arguments, std::size(kRowOptions)));
  return options;
}

lpreg_loss_options read_loss_options(const Arguments& arguments) {
  const double* numbers = read_numbers(arguments, std::size(kRowOptions) + std::size(kLossOptions));
  lpreg_loss_options options{};
  options.struct_size = sizeof options;
  store_numbers(&options.row, kRowOptions, numbers);
  store_numbers(&options, kLossOptions, numbers + std::size(kRowOptions));
  return options;
}

Napi::Array row_option_names(Napi::Env env) { return names_of(env, kRowOptions); }

Napi::Array loss_option_names(Napi::Env env) { return names_of(env, kLossOptions); }

}  // namespace lpreg_addon
