#include "batch.h"

#include "property.h"

namespace lpreg_addon {
namespace {

// A typed array of the given type and length, or nullptr.
template <class T>
const T* read_rows(const Napi::Object& object, const char* name, napi_typedarray_type type, int64_t length,
                   Storage& storage) {
  const auto value = property(object, name);
  if (!value) return nullptr;
  const ArrayView view = view_array(*value, name);
  require_type(view, {type});
  require_length(view, length);
  return reinterpret_cast<const T*>(storage.small_input(view));
}

// Of the snapshot, whose struct's pointers are const in all but type: the library only reads that of a batch.
template <class T>
T* read_snapshot_rows(const Napi::Object& fields, const char* name, napi_typedarray_type type, int64_t length,
                      Storage& storage) {
  try {
    const T* rows = read_rows<T>(fields, name, type, length, storage);
    if (rows == nullptr && length > 0) throw Failure{LPREG_ERR_MISSING, name, "is needed"};
    return const_cast<T*>(rows);
  } catch (Failure& failure) {
    failure.message = failure.argument + ": " + failure.message;
    failure.argument = "proxy_snapshot";
    throw;
  }
}

lpreg_scalar read_scalar(const Napi::Object& object, const char* name) {
  const auto value = property(object, name);
  if (!value) return {LPREG_ABSENT, 0, nullptr};
  return {LPREG_HOST, as_number(*value, name), nullptr};
}

std::vector<int64_t> read_integers(const Napi::Value& value, const char* name) {
  const ArrayView view = view_array(value, name);
  require_type(view, {napi_int32_array, napi_bigint64_array});
  if (view.type == napi_bigint64_array) {
    const auto* begin = reinterpret_cast<const int64_t*>(view.data);
    return {begin, begin + view.length};
  }
  const auto* begin = reinterpret_cast<const int32_t*>(view.data);
  return {begin, begin + view.length};
}

}  // namespace

BatchArgument::BatchArgument(const Napi::Object& object, Storage& storage) {
  batch_.struct_size = sizeof batch_;
  read_layout(object);
  read_matrices(object, storage);
  read_actions(object, storage);
  read_advantages(object, storage);
  read_snapshot(object, storage);
  read_normalisers(object, storage);
  const int64_t rows = batch_.rows;
  batch_.mask = read_rows<uint8_t>(object, "mask", napi_uint8_array, rows, storage);
  batch_.old_log_probs = read_rows<float>(object, "old_log_probs", napi_float32_array, rows, storage);
  batch_.ref_log_probs = read_rows<float>(object, "ref_log_probs", napi_float32_array, rows, storage);
  batch_.rollout_weights = read_rows<float>(object, "rollout_weights", napi_float32_array, rows, storage);
  batch_.proxy_log_probs = read_rows<float>(object, "proxy_log_probs", napi_float32_array, rows, storage);
  batch_.chosen = read_rows<uint8_t>(object, "chosen", napi_uint8_array, rows, storage);
}

void BatchArgument::read_layout(const Napi::Object& object) {
  batch_.rows = size_property(object, "rows");
  batch_.vocab = size_property(object, "vocab");
  const auto cu_seq_lens = property(object, "cu_seq_lens");
  if (!cu_seq_lens) {
    batch_.sequences = size_property(object, "sequences");
    batch_.tokens = size_property(object, "tokens");
    return;
  }
  cu_seq_lens_ = read_integers(*cu_seq_lens, "cu_seq_lens");
  if (cu_seq_lens_.empty()) throw Failure{LPREG_ERR_SHAPE, "cu_seq_lens", "expected one element at least"};
  batch_.cu_seq_lens = cu_seq_lens_.data();
  batch_.sequences = static_cast<int64_t>(cu_seq_lens_.size()) - 1;
}

void BatchArgument::read_matrices(const Napi::Object& object, Storage& storage) {
  const auto read = [&](const char* name, lpreg_matrix& matrix) {
    const auto value = property(object, name);
    if (!value) return;
    const MatrixArgument argument = read_matrix(as_object(*value, name), name, batch_);
    matrix = argument.layout;
    matrix.data = storage.large_input(argument.view, argument.extent_bytes);
  };
  read("logits", batch_.logits);
  read("old_logits", batch_.old_logits);
}

void BatchArgument::read_actions(const Napi::Object& object, Storage& storage) {
  const auto value = property(object, "actions");
  if (!value) return;
  const ArrayView view = view_array(*value, "actions");
  require_type(view, {napi_int32_array, napi_bigint64_array});
  require_length(view, batch_.rows);
  batch_.action_dtype = view.type == napi_bigint64_array ? LPREG_INT64 : LPREG_INT32;
  batch_.actions = storage.small_input(view);
}

// One per token or one per sequence, told apart by their number.
void BatchArgument::read_advantages(const Napi::Object& object, Storage& storage) {
  const auto value = property(object, "advantages");
  if (!value) return;
  const ArrayView view = view_array(*value, "advantages");
  require_type(view, {napi_float32_array});
  const auto length = static_cast<int64_t>(view.length);
  if (length != batch_.rows && length != batch_.sequences) {
    throw Failure{LPREG_ERR_SHAPE, "advantages",
                  "expected " + std::to_string(batch_.rows) + " elements (one per token) or " +
                      std::to_string(batch_.sequences) + " (one per sequence), received " +
                      std::to_string(length)};
  }
  batch_.advantages_per_sequence = length != batch_.rows ? 1 : 0;
  batch_.advantages = reinterpret_cast<const float*>(storage.small_input(view));
}

void BatchArgument::read_snapshot(const Napi::Object& object, Storage& storage) {
  const auto value = property(object, "proxy_snapshot");
  if (!value) return;
  const Napi::Object fields = as_object(*value, "proxy_snapshot");
  const int64_t rows = batch_.rows;
  snapshot_.struct_size = sizeof snapshot_;
  snapshot_.rows = rows;
  snapshot_.capacity = static_cast<int64_t>(view_array(fields.Get("ids"), "proxy_snapshot").length);
  snapshot_.row_ptr = read_snapshot_rows<int64_t>(fields, "row_ptr", napi_bigint64_array, rows + 1, storage);
  snapshot_.ids = read_snapshot_rows<int32_t>(fields, "ids", napi_int32_array, snapshot_.capacity, storage);
  snapshot_.log_q =
      read_snapshot_rows<float>(fields, "log_q", napi_float32_array, snapshot_.capacity, storage);
  snapshot_.log_kept_mass =
      read_snapshot_rows<float>(fields, "log_kept_mass", napi_float32_array, rows, storage);
  snapshot_.uniform = read_snapshot_rows<uint8_t>(fields, "uniform", napi_uint8_array, rows, storage);
  batch_.proxy_snapshot = &snapshot_;
}

void BatchArgument::read_normalisers(const Napi::Object& object, Storage& storage) {
  batch_.prob_threshold = read_scalar(object, "prob_threshold");
  batch_.token_count = read_scalar(object, "token_count");
  batch_.sequence_count = read_scalar(object, "sequence_count");
  batch_.max_length = read_scalar(object, "max_length");
  batch_.sequence_lengths =
      read_rows<double>(object, "sequence_lengths", napi_float64_array, batch_.sequences, storage);
}

}  // namespace lpreg_addon
