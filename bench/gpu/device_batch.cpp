#include "device_batch.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "core/half.h"
#include "device_clock.h"

namespace lpreg::bench {
namespace {

constexpr int64_t kDistinctRows = 8;
constexpr int kPeaks = 8;

lpreg_error empty_error() {
  lpreg_error error{};
  error.struct_size = sizeof error;
  return error;
}

double log_sum_exp(const float* row, int64_t vocab) {
  const double max = *std::max_element(row, row + vocab);
  double sum = 0;
  for (int64_t v = 0; v < vocab; ++v) sum += std::exp(row[v] - max);
  return max + std::log(sum);
}

}  // namespace

void check(lpreg_status status, const lpreg_error& error, const char* what) {
  if (status != LPREG_OK) fail(what, error.message);
}

Buffer::Buffer(const lpreg_api& api, size_t bytes) : api_(api) {
  lpreg_error error = empty_error();
  check(api_.device_allocate(0, bytes, &memory_, &error), error, "device_allocate");
}

Buffer::~Buffer() { api_.device_release(0, memory_, nullptr); }

void Buffer::upload(const void* host, size_t bytes, size_t offset) const {
  lpreg_error error = empty_error();
  check(api_.device_upload(0, as<char>() + offset, host, bytes, nullptr, 1, &error), error, "device_upload");
}

void Buffer::download(void* host, size_t bytes, size_t offset) const {
  lpreg_error error = empty_error();
  check(api_.device_download(0, host, as<char>() + offset, bytes, nullptr, 1, &error), error,
        "device_download");
}

DeviceBatch::DeviceBatch(const lpreg_api& api, const Shape& shape)
    : shape_(shape),
      distinct_(std::min(shape.rows, kDistinctRows)),
      pattern_(static_cast<size_t>(distinct_ * shape.vocab)),
      logits_(api, shape.bytes()),
      actions_(api, static_cast<size_t>(shape.rows) * sizeof(int32_t)),
      old_log_probs_(api, static_cast<size_t>(shape.rows) * sizeof(float)),
      advantages_(api, static_cast<size_t>(shape.rows) * sizeof(float)) {
  draw();
  upload_logits();
  upload_inputs();
  batch_.struct_size = sizeof batch_;
  batch_.sequences = 1;
  batch_.tokens = batch_.rows = shape.rows;
  batch_.vocab = shape.vocab;
  batch_.logits = {logits_.as(), shape.dtype, shape.vocab, 0};
  batch_.actions = actions_.as();
  batch_.old_log_probs = old_log_probs_.as<float>();
  batch_.advantages = advantages_.as<float>();
}

const float* DeviceBatch::logits(int64_t row) const {
  return pattern_.data() + row % distinct_ * shape_.vocab;
}

double DeviceBatch::log_prob(int64_t row) const {
  return static_cast<double>(logits(row)[action(row)]) - log_sum_exps_[static_cast<size_t>(row % distinct_)];
}

void DeviceBatch::draw() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.0f, 1.0f);
  for (float& value : pattern_) value = normal(random);
  for (int64_t row = 0; row < distinct_ && shape_.peaked; ++row) {
    for (int peak = 0; peak < kPeaks; ++peak) {
      const int64_t at = (row * 104729 + peak * 15485863) % shape_.vocab;
      pattern_[static_cast<size_t>(row * shape_.vocab + at)] = 16.0f + static_cast<float>(peak) / 2;
    }
  }
  if (shape_.dtype == LPREG_BFLOAT16) {
    for (float& value : pattern_) value = core::bfloat16_to_float(core::float_to_bfloat16(value));
  }
  for (int64_t row = 0; row < distinct_; ++row) {
    log_sum_exps_.push_back(log_sum_exp(pattern_.data() + row * shape_.vocab, shape_.vocab));
  }
}

// The distinct rows from the host, all others from those: a batch is larger than what a bus moves quickly.
void DeviceBatch::upload_logits() {
  std::vector<uint16_t> narrow;
  const void* host = pattern_.data();
  if (shape_.dtype == LPREG_BFLOAT16) {
    for (const float value : pattern_) narrow.push_back(core::float_to_bfloat16(value));
    host = narrow.data();
  }
  const size_t row_bytes = static_cast<size_t>(shape_.vocab) * shape_.element();
  logits_.upload(host, static_cast<size_t>(distinct_) * row_bytes);
  for (int64_t row = distinct_; row < shape_.rows; row += distinct_) {
    const auto count = static_cast<size_t>(std::min(distinct_, shape_.rows - row));
    copy_on_device(logits_.as<char>() + static_cast<size_t>(row) * row_bytes, logits_.as(),
                   count * row_bytes);
  }
}

void DeviceBatch::upload_inputs() {
  const auto count = static_cast<size_t>(shape_.rows);
  std::vector<int32_t> actions(count);
  std::vector<float> old_log_probs(count);
  std::vector<float> advantages(count);
  for (int64_t row = 0; row < shape_.rows; ++row) {
    const auto i = static_cast<size_t>(row);
    actions[i] = static_cast<int32_t>(action(row));
    old_log_probs[i] = static_cast<float>(log_prob(row) + 0.02 * static_cast<double>(row % 7 - 3));
    advantages[i] = row % 2 == 0 ? 1.0f : -1.0f;
  }
  actions_.upload(actions.data(), count * sizeof(int32_t));
  old_log_probs_.upload(old_log_probs.data(), count * sizeof(float));
  advantages_.upload(advantages.data(), count * sizeof(float));
}

}  // namespace lpreg::bench
