#include "errors.h"

#include <algorithm>
#include <cmath>

#include "core/half.h"
#include "device_clock.h"

namespace lpreg::bench {
namespace {

constexpr int64_t kCheckedRows = 16;
constexpr lpreg_scalar kOne{LPREG_HOST, 1, nullptr};

struct RowCoefficients {
  double log_prob, kl;
};

// dL/dz of one row, §2 without the entropy term.
std::vector<double> reference_row(const DeviceBatch& batch, const Loss& loss, int64_t row,
                                  RowCoefficients c) {
  const int64_t vocab = batch.shape().vocab;
  const float* logits = batch.logits(row);
  const double log_sum_exp = static_cast<double>(logits[batch.action(row)]) - batch.log_prob(row);
  const double cut = *std::max_element(logits, logits + vocab) + std::log(loss.options.row.filter_value);
  std::vector<double> gradient(static_cast<size_t>(vocab));
  double kept_mass = 0;
  for (int64_t v = 0; v < vocab; ++v) {
    const double p = std::exp(logits[v] - log_sum_exp);
    gradient[static_cast<size_t>(v)] = p;
    if (logits[v] >= cut) kept_mass += p;
  }
  for (int64_t v = 0; v < vocab; ++v) {
    double& element = gradient[static_cast<size_t>(v)];
    const double p = element;
    const double q = logits[v] >= cut ? p / kept_mass : 0;
    element = -c.log_prob * p;
    if (v == batch.action(row)) element -= c.log_prob * std::expm1(batch.log_prob(row)) - c.log_prob * p;
    if (c.kl != 0) element += c.kl * (p - q);
  }
  return gradient;
}

double stored_element(const std::vector<char>& row, int64_t v, int32_t dtype) {
  if (dtype == LPREG_FLOAT32) return static_cast<double>(reinterpret_cast<const float*>(row.data())[v]);
  return static_cast<double>(core::bfloat16_to_float(reinterpret_cast<const uint16_t*>(row.data())[v]));
}

double row_error(const DeviceBatch& batch, const std::vector<double>& want, const std::vector<char>& got) {
  double largest = 0;
  double error = 0;
  for (int64_t v = 0; v < batch.shape().vocab; ++v) {
    const double expected = want[static_cast<size_t>(v)];
    const double difference = std::fabs(stored_element(got, v, batch.shape().dtype) - expected);
    if (!std::isfinite(difference)) fail("gradient", "an element is not finite");
    largest = std::max(largest, std::fabs(expected));
    error = std::max(error, difference);
  }
  return largest > 0 ? error / largest : error;
}

}  // namespace

Errors measure_errors(const lpreg_api& api, lpreg_context* context, const Loss& loss,
                      const DeviceBatch& batch, const Buffer& workspace, size_t workspace_bytes,
                      const Buffer& gradient) {
  const Shape& shape = batch.shape();
  const auto rows = static_cast<size_t>(shape.rows);
  const Buffer arrays(api, 3 * rows * sizeof(float));
  const Buffer result(api, sizeof(lpreg_loss_result));
  lpreg_token_outputs outputs{};
  outputs.struct_size = sizeof outputs;
  outputs.log_prob = arrays.as<float>();
  outputs.coef_log_prob = outputs.log_prob + rows;
  outputs.coef_kl = outputs.coef_log_prob + rows;
  lpreg_error error{};
  error.struct_size = sizeof error;
  const lpreg_matrix target{gradient.as(), shape.dtype, shape.vocab, 0};
  check(api.loss_forward_backward(context, &loss.options, &batch.batch(), workspace.as(), workspace_bytes,
                                  kOne, &target, &outputs, result.as<lpreg_loss_result>(), nullptr, &error),
        error, loss.name);
  check(api.context_synchronize(context, nullptr, &error), error, loss.name);

  std::vector<float> values(3 * rows);
  arrays.download(values.data(), values.size() * sizeof(float));
  Errors found;
  for (int64_t row = 0; row < shape.rows; ++row) {
    const double difference =
        std::fabs(static_cast<double>(values[static_cast<size_t>(row)]) - batch.log_prob(row));
    if (!std::isfinite(difference)) fail("log-probs", "an element is not finite");
    found.log_prob = std::max(found.log_prob, difference);
  }
  const int64_t checked = std::min(shape.rows, kCheckedRows);
  std::vector<char> row_bytes(static_cast<size_t>(shape.vocab) * shape.element());
  for (int64_t i = 0; i < checked; ++i) {
    // First and last row among them.
    const int64_t row = checked == 1 ? 0 : i * (shape.rows - 1) / (checked - 1);
    gradient.download(row_bytes.data(), row_bytes.size(), static_cast<size_t>(row) * row_bytes.size());
    const auto at = static_cast<size_t>(row);
    const RowCoefficients coefficients{values[rows + at], values[2 * rows + at]};
    found.gradient =
        std::max(found.gradient, row_error(batch, reference_row(batch, loss, row, coefficients), row_bytes));
  }
  return found;
}

}  // namespace lpreg::bench
