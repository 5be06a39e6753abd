#include "fuzzed_batch.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace lpreg::fuzz {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double draw_number(FuzzedDataProvider* data) {
  constexpr double kTelling[] = {0,    1,     0.5,  0.2,       0.01,       -1,  10, 1e-3, 1e6, -0.0,
                                 1e30, 1e300, -1e9, kInfinity, -kInfinity, NAN, 2,  3,    100, 1e-300};
  if (data->ConsumeBool()) return data->PickValueInArray(kTelling);
  return data->ConsumeFloatingPointInRange(-3.0, 3.0);
}

// Mostly what a trainer would pass, now and then anything.
float draw_value(FuzzedDataProvider* data) {
  const uint8_t kind = data->ConsumeIntegral<uint8_t>();
  if (kind < 250) return data->ConsumeFloatingPointInRange(-8.0F, 8.0F);
  const auto bits = data->ConsumeIntegral<uint32_t>();
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint8_t draw_flag(FuzzedDataProvider* data) {
  const uint8_t byte = data->ConsumeIntegral<uint8_t>();
  return byte < 253 ? byte & 1 : byte;
}

double draw_length(FuzzedDataProvider* data) { return data->ConsumeIntegralInRange(0, 5); }

int32_t enumerator(FuzzedDataProvider* data, int32_t last) {
  return data->ConsumeIntegral<uint8_t>() == 0 ? data->ConsumeIntegral<int32_t>()
                                               : data->ConsumeIntegralInRange<int32_t>(0, last);
}

size_t element_size(int32_t dtype) { return dtype == LPREG_FLOAT32 ? 4 : 2; }

}  // namespace

FuzzedBatch::FuzzedBatch(FuzzedDataProvider* data) : data_(data) {
  draw_options();
  draw_layout();
  draw_inputs();
  draw_snapshot();
  draw_outputs();
  draw_call();
}

std::vector<uint8_t>* FuzzedBatch::block(size_t bytes) {
  blocks_.push_back(std::make_unique<Block>(bytes, kPoison));
  blocks_.back()->shrink_to_fit();
  return blocks_.back().get();
}

template <class T>
T* FuzzedBatch::values(int64_t count, T (*draw)(FuzzedDataProvider*)) {
  Block* const bytes = block(static_cast<size_t>(count) * sizeof(T));
  for (int64_t i = 0; i < count; ++i) {
    const T value = draw(data_);
    std::memcpy(bytes->data() + static_cast<size_t>(i) * sizeof(T), &value, sizeof value);
  }
  return reinterpret_cast<T*>(bytes->data());
}

void FuzzedBatch::draw_layout() {
  batch.struct_size = sizeof batch;
  batch.sequences = data_->ConsumeIntegralInRange<int64_t>(0, 3);
  batch.tokens = data_->ConsumeIntegralInRange<int64_t>(0, 3);
  rows_ = batch.sequences * batch.tokens;
  if (data_->ConsumeBool()) {
    auto* lengths = reinterpret_cast<int64_t*>(block(static_cast<size_t>(batch.sequences + 1) * 8)->data());
    lengths[0] = rows_ = 0;
    for (int64_t b = 0; b < batch.sequences; ++b) {
      rows_ += data_->ConsumeIntegralInRange<int64_t>(0, 3);
      lengths[b + 1] = rows_;
    }
    batch.cu_seq_lens = lengths;
  }
  batch.rows = rows_;
  constexpr int64_t kVocabs[] = {1, 2, 3, 7, 16, 17, 33, 64, 129, 131, 300};
  batch.vocab = vocab_ = data_->PickValueInArray(kVocabs);
}

FuzzedBatch::Block* FuzzedBatch::draw_matrix(FuzzedDataProvider* data, lpreg_matrix* matrix) {
  matrix->dtype = data->ConsumeIntegralInRange<int32_t>(0, 2);
  matrix->row_stride = vocab_ + data->ConsumeIntegralInRange<int64_t>(0, 3);
  int64_t elements = rows_ == 0 ? 0 : (rows_ - 1) * matrix->row_stride + vocab_;
  if (batch.cu_seq_lens == nullptr && rows_ > 0 && data->ConsumeBool()) {
    matrix->sequence_stride = batch.tokens * matrix->row_stride + data->ConsumeIntegralInRange<int64_t>(0, 9);
    elements =
        (batch.sequences - 1) * matrix->sequence_stride + (batch.tokens - 1) * matrix->row_stride + vocab_;
  }
  Block* const bytes = block(static_cast<size_t>(elements) * element_size(matrix->dtype));
  matrix->data = bytes->data();
  return bytes;
}

void FuzzedBatch::draw_options() {
  options.struct_size = sizeof options;
  options.objective = enumerator(data_, LPREG_SAPO);
  options.aggregation = enumerator(data_, LPREG_SEQ_MEAN_TOKEN_SUM_NORM);
  options.estimator = enumerator(data_, LPREG_K3);
  options.reference_estimator = enumerator(data_, LPREG_K3);
  options.interpolation = enumerator(data_, LPREG_LINEAR);
  options.select_on = enumerator(data_, LPREG_SELECT_OLD);
  options.non_finite = enumerator(data_, LPREG_NON_FINITE_PROPAGATE);
  options.check_first = enumerator(data_, 1);
  options.row.temperature = data_->ConsumeBool() ? 1 : draw_number(data_);
  options.row.filter_kind = enumerator(data_, LPREG_FILTER_FIXED);
  options.row.filter_on = enumerator(data_, LPREG_ON_RAW);
  options.row.filter_empty = enumerator(data_, LPREG_EMPTY_UNIFORM);
  options.row.proxy = enumerator(data_, LPREG_PROXY_SNAPSHOT);
  double* const numbers[] = {&options.row.softcap,    &options.row.filter_value,
                             &options.clip_low,       &options.clip_high,
                             &options.dual_clip,      &options.ratio_cap,
                             &options.entropy_coef,   &options.reference_coef,
                             &options.beta,           &options.rho,
                             &options.rho_negative,   &options.rho_positive,
                             &options.kl_cov_percent, &options.kl_cov_coef,
                             &options.clip_cov_ratio, &options.cov_low,
                             &options.cov_high,       &options.top_fraction,
                             &options.tau_positive,   &options.tau_negative};
  // An option that the objective ignores is refused, so that most of them must be 0 for a call to come far.
  for (double* number : numbers) {
    if (data_->ConsumeBool()) *number = draw_number(data_);
  }
  options.seed = data_->ConsumeIntegral<uint64_t>();
}

void FuzzedBatch::draw_inputs() {
  logits_block_ = draw_matrix(data_, &batch.logits);
  const size_t size = element_size(batch.logits.dtype);
  for (size_t i = 0; i + size <= logits_block_->size(); i += size) {
    const float value = draw_value(data_);
    std::memcpy(logits_block_->data() + i, reinterpret_cast<const char*>(&value) + (4 - size), size);
  }
  if (data_->ConsumeBool()) draw_matrix(data_, &batch.old_logits);
  batch.action_dtype = data_->ConsumeIntegralInRange<int32_t>(0, 1);
  Block* const actions = block(static_cast<size_t>(rows_) * (batch.action_dtype == LPREG_INT32 ? 4 : 8));
  for (int64_t row = 0; row < rows_; ++row) {
    const bool wild = data_->ConsumeIntegral<uint8_t>() == 0;
    const int64_t action =
        wild ? data_->ConsumeIntegral<int64_t>() : data_->ConsumeIntegralInRange<int64_t>(0, vocab_ - 1);
    const size_t width = batch.action_dtype == LPREG_INT32 ? 4 : 8;
    std::memcpy(actions->data() + static_cast<size_t>(row) * width, &action, width);
  }
  batch.actions = actions->data();
  batch.advantages_per_sequence = data_->ConsumeBool();
  batch.advantages = values(batch.advantages_per_sequence ? batch.sequences : rows_, draw_value);
  batch.old_log_probs = values(rows_, draw_value);
  if (data_->ConsumeBool()) batch.mask = values(rows_, draw_flag);
  if (data_->ConsumeBool()) batch.ref_log_probs = values(rows_, draw_value);
  if (data_->ConsumeBool()) batch.rollout_weights = values(rows_, draw_value);
  if (data_->ConsumeBool()) batch.proxy_log_probs = values(rows_, draw_value);
  if (data_->ConsumeBool()) batch.chosen = values(rows_, draw_flag);
  if (data_->ConsumeBool()) batch.sequence_lengths = values(batch.sequences, draw_length);
  lpreg_scalar* const scalars[] = {&batch.prob_threshold, &batch.token_count, &batch.sequence_count,
                                   &batch.max_length};
  for (lpreg_scalar* scalar : scalars) {
    if (data_->ConsumeBool()) *scalar = {LPREG_HOST, draw_number(data_), nullptr};
  }
}

void FuzzedBatch::draw_snapshot() {
  snapshot.struct_size = sizeof snapshot;
  snapshot.rows = rows_;
  snapshot.capacity = data_->ConsumeIntegralInRange<int64_t>(0, rows_ * vocab_);
  snapshot.row_ptr = reinterpret_cast<int64_t*>(block(static_cast<size_t>(rows_ + 1) * 8)->data());
  snapshot.ids = reinterpret_cast<int32_t*>(block(static_cast<size_t>(snapshot.capacity) * 4)->data());
  snapshot.log_q = reinterpret_cast<float*>(block(static_cast<size_t>(snapshot.capacity) * 4)->data());
  snapshot.log_kept_mass = reinterpret_cast<float*>(block(static_cast<size_t>(rows_) * 4)->data());
  snapshot.uniform = block(static_cast<size_t>(rows_))->data();
  if (data_->ConsumeBool()) batch.proxy_snapshot = &snapshot;
}

uint8_t* FuzzedBatch::output(size_t bytes) {
  Block* const made = block(bytes);
  output_blocks_.push_back(made);
  return made->data();
}

bool FuzzedBatch::outputs_are_untouched() const {
  const auto is_poison = [](uint8_t byte) { return byte == kPoison; };
  return std::all_of(output_blocks_.begin(), output_blocks_.end(), [&](const Block* bytes) {
    return std::all_of(bytes->begin(), bytes->end(), is_poison);
  });
}

// What counts the rows that are done is sometimes the flag that stops the call, after some of them.
void FuzzedBatch::draw_call() {
  if (data_->ConsumeBool()) return;
  how_.struct_size = sizeof how_;
  how_.rows_done = &rows_done_;
  if (data_->ConsumeBool()) how_.cancel = reinterpret_cast<const volatile int32_t*>(&rows_done_);
  how_.gradient_is_scratch = enumerator(data_, 1);
  how_.host_memory = enumerator(data_, 1);
  call = &how_;
}

void FuzzedBatch::draw_outputs() {
  const auto count = static_cast<size_t>(rows_);
  outputs.struct_size = sizeof outputs;
  float** const floats[] = {&outputs.log_prob,       &outputs.entropy,      &outputs.log_kept_mass,
                            &outputs.proxy_log_prob, &outputs.kl,           &outputs.token_loss,
                            &outputs.coef_log_prob,  &outputs.coef_entropy, &outputs.coef_kl,
                            &outputs.weight,         &outputs.log_sum_exp};
  for (float** output : floats) {
    if (data_->ConsumeBool()) *output = reinterpret_cast<float*>(this->output(4 * count));
  }
  if (data_->ConsumeBool()) outputs.keep_count = reinterpret_cast<int32_t*>(output(4 * count));
  uint8_t** const flags[] = {&outputs.action_is_max, &outputs.selected, &outputs.clipped,
                             &outputs.dual_clipped, &outputs.candidate};
  for (uint8_t** output : flags) {
    if (data_->ConsumeBool()) *output = this->output(count);
  }
  grad_output = {LPREG_HOST, draw_number(data_), nullptr};
  if (data_->ConsumeBool()) {
    gradient = batch.logits;
    gradient_block_ = logits_block_;
  } else {
    gradient_block_ = draw_matrix(data_, &gradient);
  }
}

void FuzzedBatch::spoil(FuzzedDataProvider* data) {
  constexpr int64_t kSizes[] = {-1, INT64_MIN, INT64_MAX, int64_t{1} << 62};
  const int64_t size = data->PickValueInArray(kSizes);
  switch (data->ConsumeIntegralInRange(0, 17)) {
    case 0:
      options.struct_size = data->ConsumeIntegral<uint8_t>();
      break;
    case 1:
      batch.struct_size = data->ConsumeIntegral<uint8_t>();
      break;
    case 2:
      outputs.struct_size = data->ConsumeIntegral<uint8_t>();
      break;
    case 3:
      batch.rows = size;
      break;
    case 4:
      batch.vocab = size;
      break;
    case 5:
      batch.tokens = batch.cu_seq_lens == nullptr ? size : batch.tokens;
      break;
    case 6:
      batch.logits.row_stride = size;
      break;
    case 7:
      batch.logits.sequence_stride = size;
      break;
    case 8:
      gradient.row_stride = size;
      break;
    case 9:
      batch.logits.dtype = data->ConsumeIntegralInRange<int32_t>(3, 9);
      break;
    case 10:
      gradient.dtype = data->ConsumeIntegralInRange<int32_t>(-3, -1);
      break;
    case 11:
      batch.logits.data = nullptr;
      break;
    case 12:
      batch.actions = nullptr;
      break;
    case 13:
      batch.advantages = nullptr;
      break;
    case 14:
      batch.old_log_probs = nullptr;
      break;
    case 15:
      grad_output = {data->ConsumeIntegralInRange<int32_t>(2, 9), 1, nullptr};
      break;
    case 16:
      batch.sequences = batch.cu_seq_lens == nullptr ? size : batch.sequences;
      break;
    default:
      gradient.data = nullptr;
      break;
  }
}

}  // namespace lpreg::fuzz
