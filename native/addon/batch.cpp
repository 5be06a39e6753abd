#include "batch.h"

namespace lpreg_addon {
namespace {

// A typed array of the given type and length, or nullptr.
template <class T>
const T* read_rows(const Arguments& arguments, Argument argument, const char* name, napi_typedarray_type type,
                   int64_t length, Storage& storage) {
  const auto value = arguments.optional(argument);
  if (!value) return nullptr;
  const ArrayView view = view_array(*value, name);
  require_type(view, {type});
  require_length(view, length);
  return reinterpret_cast<const T*>(storage.small_input(view));
}

// Of the snapshot, whose struct's pointers are const in all but type: the library only reads that of a batch.
template <class T>
T* read_snapshot_rows(const Arguments& arguments, Argument argument, napi_typedarray_type type,
                      int64_t length, Storage& storage) {
  try {
    const T* rows = read_rows<T>(arguments, argument, argument_name(argument), type, length, storage);
    if (rows == nullptr) throw Failure{LPREG_ERR_MISSING, argument_name(argument), "is needed"};
    return const_cast<T*>(rows);
  } catch (Failure& failure) {
    failure.message = failure.argument + ": " + failure.message;
    failure.argument = "proxy_snapshot";
    throw;
  }
}

lpreg_scalar read_scalar(const Arguments& arguments, Argument argument) {
  const auto value = arguments.optional(argument);
  if (!value) return {LPREG_ABSENT, 0, nullptr};
  return {LPREG_HOST, as_number(*value, argument_name(argument)), nullptr};
}

std::vector<int64_t> to_integers(const ArrayView& view) {
  require_type(view, {napi_int32_array, napi_bigint64_array});
  if (view.type == napi_bigint64_array) {
    const auto* begin = reinterpret_cast<const int64_t*>(view.data);
    return {begin, begin + view.length};
  }
  const auto* begin = reinterpret_cast<const int32_t*>(view.data);
  return {begin, begin + view.length};
}

}  // namespace

const float* read_row_floats(const Arguments& arguments, Argument argument, const char* name, int64_t rows,
                             Storage& storage) {
  return read_rows<float>(arguments, argument, name, napi_float32_array, rows, storage);
}

const uint8_t* read_row_flags(const Arguments& arguments, Argument argument, const char* name, int64_t rows,
                              Storage& storage) {
  return read_rows<uint8_t>(arguments, argument, name, napi_uint8_array, rows, storage);
}

BatchArgument::BatchArgument(const Arguments& arguments, Storage& storage) {
  batch_.struct_size = sizeof batch_;
  read_layout(arguments, storage);
  read_matrices(arguments, storage);
  read_actions(arguments, storage);
  read_advantages(arguments, storage);
  read_snapshot(arguments, storage);
  read_normalisers(arguments, storage);
  const auto floats = [&](Argument argument) {
    return read_row_floats(arguments, argument, argument_name(argument), batch_.rows, storage);
  };
  batch_.mask = read_row_flags(arguments, Argument::mask, "mask", batch_.rows, storage);
  batch_.old_log_probs = floats(Argument::old_log_probs);
  batch_.ref_log_probs = floats(Argument::ref_log_probs);
  batch_.rollout_weights = floats(Argument::rollout_weights);
  batch_.proxy_log_probs = floats(Argument::proxy_log_probs);
  batch_.chosen = read_row_flags(arguments, Argument::chosen, "chosen", batch_.rows, storage);
}

void BatchArgument::read_layout(const Arguments& arguments, Storage& storage) {
  batch_.rows = arguments.size(Argument::rows);
  batch_.vocab = arguments.size(Argument::vocab);
  const auto cu_seq_lens = arguments.optional(Argument::cu_seq_lens);
  if (!cu_seq_lens) {
    batch_.sequences = arguments.size(Argument::sequences);
    batch_.tokens = arguments.size(Argument::tokens);
    return;
  }
  const ArrayView view = view_array(*cu_seq_lens, "cu_seq_lens");
  if (view.length == 0) throw Failure{LPREG_ERR_SHAPE, "cu_seq_lens", "expected one element at least"};
  batch_.sequences = static_cast<int64_t>(view.length) - 1;
  if (view.device != nullptr) {
    require_type(view, {napi_bigint64_array});
    batch_.cu_seq_lens = reinterpret_cast<const int64_t*>(storage.small_input(view));
    return;
  }
  cu_seq_lens_ = to_integers(view);
  const uint8_t* data = storage.small_input(cu_seq_lens_.data(), cu_seq_lens_.size() * sizeof(int64_t));
  batch_.cu_seq_lens = reinterpret_cast<const int64_t*>(data);
}

void BatchArgument::read_matrices(const Arguments& arguments, Storage& storage) {
  const auto read = [&](Argument argument, lpreg_matrix& matrix) {
    if (!arguments.optional(argument)) return;
    const MatrixArgument given = read_matrix(arguments, argument, batch_);
    matrix = given.layout;
    matrix.data = storage.large_input(given.view, given.extent_bytes);
  };
  read(Argument::logits, batch_.logits);
  read(Argument::old_logits, batch_.old_logits);
}

void BatchArgument::read_actions(const Arguments& arguments, Storage& storage) {
  const auto value = arguments.optional(Argument::actions);
  if (!value) return;
  const ArrayView view = view_array(*value, "actions");
  require_type(view, {napi_int32_array, napi_bigint64_array});
  require_length(view, batch_.rows);
  batch_.action_dtype = view.type == napi_bigint64_array ? LPREG_INT64 : LPREG_INT32;
  batch_.actions = storage.small_input(view);
}

// One per token or one per sequence, told apart by their number.
void BatchArgument::read_advantages(const Arguments& arguments, Storage& storage) {
  const auto value = arguments.optional(Argument::advantages);
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

void BatchArgument::read_snapshot(const Arguments& arguments, Storage& storage) {
  if (!arguments.flag(Argument::proxy_snapshot)) return;
  const int64_t rows = batch_.rows;
  snapshot_.struct_size = sizeof snapshot_;
  snapshot_.rows = rows;
  snapshot_.capacity = static_cast<int64_t>(view_array(arguments[Argument::ids], "proxy_snapshot").length);
  snapshot_.row_ptr =
      read_snapshot_rows<int64_t>(arguments, Argument::row_ptr, napi_bigint64_array, rows + 1, storage);
  snapshot_.ids =
      read_snapshot_rows<int32_t>(arguments, Argument::ids, napi_int32_array, snapshot_.capacity, storage);
  snapshot_.log_q =
      read_snapshot_rows<float>(arguments, Argument::log_q, napi_float32_array, snapshot_.capacity, storage);
  snapshot_.log_kept_mass =
      read_snapshot_rows<float>(arguments, Argument::log_kept_mass, napi_float32_array, rows, storage);
  snapshot_.uniform =
      read_snapshot_rows<uint8_t>(arguments, Argument::uniform, napi_uint8_array, rows, storage);
  batch_.proxy_snapshot = &snapshot_;
}

void BatchArgument::read_normalisers(const Arguments& arguments, Storage& storage) {
  batch_.prob_threshold = read_scalar(arguments, Argument::prob_threshold);
  batch_.token_count = read_scalar(arguments, Argument::token_count);
  batch_.sequence_count = read_scalar(arguments, Argument::sequence_count);
  batch_.max_length = read_scalar(arguments, Argument::max_length);
  batch_.sequence_lengths = read_rows<double>(arguments, Argument::sequence_lengths, "sequence_lengths",
                                              napi_float64_array, batch_.sequences, storage);
}

}  // namespace lpreg_addon
