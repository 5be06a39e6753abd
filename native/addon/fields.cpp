#include "fields.h"

#include <cstddef>
#include <cstring>

#include "property.h"

namespace lpreg_addon {
namespace {

enum class Kind { kDouble, kInt32, kInt64, kUint64 };

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

constexpr Field kLossResult[] = {
    LPREG_FIELD(lpreg_loss_result, loss, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, policy_loss, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, entropy_term, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, reference_term, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, entropy, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, clip_fraction, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, dual_clip_fraction, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, approx_kl, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, ratio_min, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, ratio_max, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, ratio_mean, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, kept_mass, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, proxy_kl, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, kept_mass_negative, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, kept_mass_selected, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, pull_ratio, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, prob_threshold, Kind::kDouble),
    LPREG_FIELD(lpreg_loss_result, valid_count, Kind::kInt64),
    LPREG_FIELD(lpreg_loss_result, negative_count, Kind::kInt64),
    LPREG_FIELD(lpreg_loss_result, lowest_count, Kind::kInt64),
    LPREG_FIELD(lpreg_loss_result, selected_count, Kind::kInt64),
};

#undef LPREG_FIELD

struct TokenField {
  const char* name;
  size_t offset;
  napi_typedarray_type type;
};

#define LPREG_FIELD(field, type)                       \
  {                                                    \
#field, offsetof(lpreg_token_outputs, field), type \
  }

constexpr TokenField kTokenFields[] = {
    LPREG_FIELD(log_prob, napi_float32_array),
    LPREG_FIELD(entropy, napi_float32_array),
    LPREG_FIELD(log_kept_mass, napi_float32_array),
    LPREG_FIELD(proxy_log_prob, napi_float32_array),
    LPREG_FIELD(kl, napi_float32_array),
    LPREG_FIELD(token_loss, napi_float32_array),
    LPREG_FIELD(coef_log_prob, napi_float32_array),
    LPREG_FIELD(coef_entropy, napi_float32_array),
    LPREG_FIELD(coef_kl, napi_float32_array),
    LPREG_FIELD(weight, napi_float32_array),
    LPREG_FIELD(log_sum_exp, napi_float32_array),
    LPREG_FIELD(keep_count, napi_int32_array),
    LPREG_FIELD(action_is_max, napi_uint8_array),
    LPREG_FIELD(selected, napi_uint8_array),
    LPREG_FIELD(clipped, napi_uint8_array),
    LPREG_FIELD(dual_clipped, napi_uint8_array),
    LPREG_FIELD(candidate, napi_uint8_array),
};

#undef LPREG_FIELD

template <class T>
void store(void* structure, size_t offset, T value) {
  std::memcpy(static_cast<char*>(structure) + offset, &value, sizeof value);
}

template <class T>
double load(const void* structure, size_t offset) {
  T value;
  std::memcpy(&value, static_cast<const char*>(structure) + offset, sizeof value);
  return static_cast<double>(value);
}

template <size_t count>
void read_numbers(const Napi::Object& object, const Field (&fields)[count], void* structure) {
  for (const Field& field : fields) {
    const auto value = property(object, field.name);
    if (!value) continue;
    const double number = as_number(*value, field.name);
    switch (field.kind) {
      case Kind::kDouble:
        store(structure, field.offset, number);
        break;
      case Kind::kInt32:
        store(structure, field.offset, value->As<Napi::Number>().Int32Value());
        break;
      case Kind::kInt64:
        store(structure, field.offset, value->As<Napi::Number>().Int64Value());
        break;
      case Kind::kUint64:
        store(structure, field.offset, static_cast<uint64_t>(value->As<Napi::Number>().Int64Value()));
        break;
    }
  }
}

double load_number(const void* structure, const Field& field) {
  return field.kind == Kind::kDouble ? load<double>(structure, field.offset)
                                     : load<int64_t>(structure, field.offset);
}

// `pointer_of` says what memory of an array the struct is to point to.
template <class PointerOf>
lpreg_token_outputs read_tokens(const Napi::Object& object, int64_t rows, const PointerOf& pointer_of) {
  lpreg_token_outputs tokens{};
  tokens.struct_size = sizeof tokens;
  for (const TokenField& field : kTokenFields) {
    const auto value = property(object, field.name);
    if (!value) continue;
    const ArrayView view = view_array(*value, field.name);
    require_type(view, {field.type});
    require_length(view, rows);
    store(&tokens, field.offset, pointer_of(view));
  }
  return tokens;
}

}  // namespace

lpreg_row_options read_row_options(const Napi::Object& object) {
  lpreg_row_options options{};
  read_numbers(object, kRowOptions, &options);
  return options;
}

lpreg_loss_options read_loss_options(const Napi::Object& object) {
  lpreg_loss_options options{};
  options.struct_size = sizeof options;
  read_numbers(object, kLossOptions, &options);
  options.row = read_row_options(object_property(object, "row"));
  return options;
}

lpreg_token_outputs read_token_outputs(const Napi::Object& object, int64_t rows, Storage& storage) {
  return read_tokens(object, rows, [&](const ArrayView& view) { return storage.in_use(view); });
}

lpreg_token_outputs read_token_inputs(const Napi::Object& object, int64_t rows, Storage& storage) {
  return read_tokens(object, rows, [&](const ArrayView& view) { return storage.small_input(view); });
}

Napi::Object loss_result_object(Napi::Env env, const lpreg_loss_result& result) {
  Napi::Object object = Napi::Object::New(env);
  for (const Field& field : kLossResult) object.Set(field.name, load_number(&result, field));
  return object;
}

}  // namespace lpreg_addon
