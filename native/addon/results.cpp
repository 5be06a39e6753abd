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

constexpr Field kTokenFields[] = {
    LPREG_FIELD(lpreg_token_outputs, log_prob),
    LPREG_FIELD(lpreg_token_outputs, entropy),
    LPREG_FIELD(lpreg_token_outputs, log_kept_mass),
    LPREG_FIELD(lpreg_token_outputs, proxy_log_prob),
    LPREG_FIELD(lpreg_token_outputs, kl),
    LPREG_FIELD(lpreg_token_outputs, token_loss),
    LPREG_FIELD(lpreg_token_outputs, coef_log_prob),
    LPREG_FIELD(lpreg_token_outputs, coef_entropy),
    LPREG_FIELD(lpreg_token_outputs, coef_kl),
    LPREG_FIELD(lpreg_token_outputs, weight),
    LPREG_FIELD(lpreg_token_outputs, log_sum_exp),
    LPREG_FIELD(lpreg_token_outputs, keep_count),
    LPREG_FIELD(lpreg_token_outputs, action_is_max),
    LPREG_FIELD(lpreg_token_outputs, selected),
    LPREG_FIELD(lpreg_token_outputs, clipped),
    LPREG_FIELD(lpreg_token_outputs, dual_clipped),
    LPREG_FIELD(lpreg_token_outputs, candidate),
};

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

template <size_t count>
void append_names(Napi::Array& names, const Field (&fields)[count]) {
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

}  // namespace

Results::Results(const Arguments& arguments, int64_t rows, Storage& storage) {
  const auto outputs = static_cast<uint32_t>(arguments.integer(Argument::outputs));
  const auto fields = static_cast<size_t>(__builtin_popcount(outputs));
  if ((outputs >> std::size(kTokenFields)) != 0 || rows > INT64_MAX / 256) {
    throw Failure{LPREG_ERR_OPTION, "outputs", "expected bits of fields"};
  }
  const size_t stride = static_cast<size_t>(rows) * 4;
  token_bytes_ = fields * stride;
  memory_ = read_memory(arguments, kScalarBytes + token_bytes_, storage);
  uint8_t* target = memory_ + kScalarBytes;
  if (storage.on_device()) {
    on_device_ = storage.allocate_on_device(sizeof result_ + token_bytes_);
    target = on_device_->data() + sizeof result_;
  }
  result_.struct_size = sizeof result_;
  tokens_.struct_size = sizeof tokens_;
  for (size_t i = 0; i < std::size(kTokenFields); ++i) {
    if ((outputs >> i & 1) == 0) continue;
    set_field(tokens_, kTokenFields[i], target);
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
