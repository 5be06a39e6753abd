#include "results.h"

#include <cstddef>
#include <cstring>
#include <iterator>

#include "batch.h"

namespace lpreg_addon {
namespace {

struct Field {
  const char* name;
  size_t offset;
};

#define LPREG_FIELD(structure, field)  \
  {                                    \
#field, offsetof(structure, field) \
  }

constexpr Field kNumbers[] = {
    LPREG_FIELD(lpreg_loss_result, loss),
    LPREG_FIELD(lpreg_loss_result, policy_loss),
    LPREG_FIELD(lpreg_loss_result, entropy_term),
    LPREG_FIELD(lpreg_loss_result, reference_term),
    LPREG_FIELD(lpreg_loss_result, entropy),
    LPREG_FIELD(lpreg_loss_result, clip_fraction),
    LPREG_FIELD(lpreg_loss_result, dual_clip_fraction),
    LPREG_FIELD(lpreg_loss_result, approx_kl),
    LPREG_FIELD(lpreg_loss_result, ratio_min),
    LPREG_FIELD(lpreg_loss_result, ratio_max),
    LPREG_FIELD(lpreg_loss_result, ratio_mean),
    LPREG_FIELD(lpreg_loss_result, kept_mass),
    LPREG_FIELD(lpreg_loss_result, proxy_kl),
    LPREG_FIELD(lpreg_loss_result, kept_mass_negative),
    LPREG_FIELD(lpreg_loss_result, kept_mass_selected),
    LPREG_FIELD(lpreg_loss_result, pull_ratio),
    LPREG_FIELD(lpreg_loss_result, prob_threshold),
};

constexpr Field kCounts[] = {
    LPREG_FIELD(lpreg_loss_result, valid_count),
    LPREG_FIELD(lpreg_loss_result, negative_count),
    LPREG_FIELD(lpreg_loss_result, lowest_count),
    LPREG_FIELD(lpreg_loss_result, selected_count),
};

struct TokenField : Field {
  napi_typedarray_type type;
};

#define LPREG_TOKEN_FIELD(field, type) \
  { LPREG_FIELD(lpreg_token_outputs, field), napi_##type }

constexpr TokenField kTokenFields[] = {
    LPREG_TOKEN_FIELD(log_prob, float32_array),
    LPREG_TOKEN_FIELD(entropy, float32_array),
    LPREG_TOKEN_FIELD(log_kept_mass, float32_array),
    LPREG_TOKEN_FIELD(proxy_log_prob, float32_array),
    LPREG_TOKEN_FIELD(kl, float32_array),
    LPREG_TOKEN_FIELD(token_loss, float32_array),
    LPREG_TOKEN_FIELD(coef_log_prob, float32_array),
    LPREG_TOKEN_FIELD(coef_entropy, float32_array),
    LPREG_TOKEN_FIELD(coef_kl, float32_array),
    LPREG_TOKEN_FIELD(weight, float32_array),
    LPREG_TOKEN_FIELD(log_sum_exp, float32_array),
    LPREG_TOKEN_FIELD(keep_count, int32_array),
    LPREG_TOKEN_FIELD(action_is_max, uint8_array),
    LPREG_TOKEN_FIELD(selected, uint8_array),
    LPREG_TOKEN_FIELD(clipped, uint8_array),
    LPREG_TOKEN_FIELD(dual_clipped, uint8_array),
    LPREG_TOKEN_FIELD(candidate, uint8_array),
};

#undef LPREG_TOKEN_FIELD
#undef LPREG_FIELD

constexpr size_t kScalarBytes = (std::size(kNumbers) + std::size(kCounts)) * sizeof(double);
static_assert(sizeof(lpreg_loss_result) % alignof(double) == 0, "fields follow it on a device");

template <class T>
T load(const lpreg_loss_result& result, const Field& field) {
  T value;
  std::memcpy(&value, reinterpret_cast<const char*>(&result) + field.offset, sizeof value);
  return value;
}

// Every field of lpreg_token_outputs behind struct_size is a pointer.
void set_field(lpreg_token_outputs& tokens, const Field& field, const void* memory) {
  std::memcpy(reinterpret_cast<char*>(&tokens) + field.offset, &memory, sizeof memory);
}

template <class F, size_t count>
void append_names(Napi::Array& names, const F (&fields)[count]) {
  for (const Field& field : fields) names.Set(names.Length(), field.name);
}

uint8_t* read_memory(const Arguments& arguments, size_t bytes, Storage& storage) {
  const ArrayView view = view_array(arguments[Argument::results], "results");
  require_type(view, {napi_float64_array});
  if (view.device != nullptr || view.bytes() < bytes) {
    throw Failure{LPREG_ERR_SHAPE, "results", "expected memory of the host, long enough"};
  }
  return storage.in_use_by_host(view);
}

// Memory that the caller keeps.
uint8_t* device_output(const Napi::Value& arrays, uint32_t position, napi_typedarray_type type, int64_t rows,
                       Storage& storage) {
  if (!arrays.IsArray()) throw Failure{LPREG_ERR_TYPE, "device_outputs", "expected an array"};
  const Napi::Value array = arrays.As<Napi::Array>().Get(position);
  const ArrayView view = view_array(array, "device_outputs");
  require_type(view, {type});
  require_length(view, rows);
  return storage.in_use(view);
}

}  // namespace

Results::Results(const Arguments& arguments, int64_t rows, Storage& storage) {
  const auto outputs = static_cast<uint32_t>(arguments.integer(Argument::outputs));
  const auto fields = static_cast<size_t>(__builtin_popcount(outputs));
  if ((outputs >> std::size(kTokenFields)) != 0 || rows > INT64_MAX / 256) {
    throw Failure{LPREG_ERR_OPTION, "outputs", "expected bits of fields"};
  }
  const std::optional<Napi::Value> device_outputs = arguments.optional(Argument::device_outputs);
  const size_t stride = static_cast<size_t>(rows) * 4;
  token_bytes_ = device_outputs ? 0 : fields * stride;
  memory_ = read_memory(arguments, kScalarBytes + token_bytes_, storage);
  uint8_t* target = memory_ + kScalarBytes;
  if (storage.on_device()) {
    on_device_ = storage.allocate_on_device(sizeof result_ + token_bytes_);
    target = on_device_->data() + sizeof result_;
  }
  result_.struct_size = sizeof result_;
  tokens_.struct_size = sizeof tokens_;
  uint32_t position = 0;
  for (size_t i = 0; i < std::size(kTokenFields); ++i) {
    if ((outputs >> i & 1) == 0) continue;
    const TokenField& field = kTokenFields[i];
    set_field(
        tokens_, field,
        device_outputs ? device_output(*device_outputs, position++, field.type, rows, storage) : target);
    target += stride;
  }
}

lpreg_loss_result* Results::scalars() {
  return on_device_ == nullptr ? &result_ : reinterpret_cast<lpreg_loss_result*>(on_device_->data());
}

void Results::fetch() {
  on_device_->download(&result_, sizeof result_);
  on_device_->download(memory_ + kScalarBytes, token_bytes_, sizeof result_);
}

void Results::store() const {
  auto* scalar = reinterpret_cast<double*>(memory_);
  for (const Field& field : kNumbers) *scalar++ = load<double>(result_, field);
  for (const Field& field : kCounts) *scalar++ = static_cast<double>(load<int64_t>(result_, field));
}

lpreg_token_outputs read_token_inputs(const Arguments& arguments, int64_t rows, Storage& storage) {
  lpreg_token_outputs tokens{};
  tokens.struct_size = sizeof tokens;
  // The library does not write to what it is given as statistics.
  const auto floats = [&](Argument argument, const char* name) {
    return const_cast<float*>(read_row_floats(arguments, argument, name, rows, storage));
  };
  tokens.log_prob = floats(Argument::token_log_prob, "log_prob");
  tokens.entropy = floats(Argument::token_entropy, "entropy");
  tokens.log_kept_mass = floats(Argument::token_log_kept_mass, "log_kept_mass");
  tokens.proxy_log_prob = floats(Argument::token_proxy_log_prob, "proxy_log_prob");
  tokens.kl = floats(Argument::token_kl, "kl");
  tokens.action_is_max = const_cast<uint8_t*>(
      read_row_flags(arguments, Argument::token_action_is_max, "action_is_max", rows, storage));
  return tokens;
}

Napi::Array scalar_names(Napi::Env env) {
  Napi::Array names = Napi::Array::New(env);
  append_names(names, kNumbers);
  append_names(names, kCounts);
  return names;
}

Napi::Array token_field_names(Napi::Env env) {
  Napi::Array names = Napi::Array::New(env);
  append_names(names, kTokenFields);
  return names;
}

}  // namespace lpreg_addon
