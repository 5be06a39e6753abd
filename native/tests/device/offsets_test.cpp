// Rows more than 2^31 elements from the first: the same bits as the same rows side by side. The memory
// between them is mapped and never touched.
#include <cmath>
#include <vector>

#include "core/half.h"
#include "device_step.h"
#include "emulation/config.h"

namespace {

using namespace lpreg;
using namespace lpreg::test;

constexpr int64_t kVocab = 1027;

struct Outcome {
  double loss;
  std::vector<uint16_t> gradients;
};

// Rows lie `stride` elements apart.
Outcome run(const lpreg_loss_options& options, int64_t stride, bool in_place) {
  const std::vector<int32_t> actions = {0, 500, kVocab - 1, 3};
  const auto rows = static_cast<int64_t>(actions.size());
  const auto elements = static_cast<size_t>(stride * (rows - 1) + kVocab);
  DeviceArray<uint16_t> logits(elements);
  for (int64_t row = 0; row < rows; ++row)
    logits.write(static_cast<size_t>(row * stride), sloping_row(kVocab, row));
  const DeviceArray<uint16_t> apart(in_place ? 1 : elements);
  const DeviceArray<uint16_t>& gradient = in_place ? logits : apart;
  DeviceStep step(options, logits.data(), kVocab, stride, actions, {-1, 1, -1, 0.5f}, {1, 1, 0, 1});
  step.forward_backward(gradient.data(), stride);
  Outcome outcome{step.loss(), {}};
  for (int64_t row = 0; row < rows; ++row) {
    for (const uint16_t bits : gradient.read(static_cast<size_t>(row * stride), kVocab))
      outcome.gradients.push_back(bits);
  }
  return outcome;
}

void test_rows_far_apart_give_the_same_bits(const lpreg_loss_options& options, bool in_place) {
  const Outcome near = run(options, kVocab, in_place);
  const Outcome far = run(options, (int64_t{3} << 30) + 5, in_place);
  CHECK(std::isfinite(near.loss) && near.loss == far.loss);
  CHECK(near.gradients == far.gradients);
}

// More than 2^32 logits, all of them masked but the first row and the last.
void test_batch_beyond_32_bits_gives_the_loss_of_its_valid_rows() {
  emulation::configure("strict=1,cluster=-1,threads=32");
  constexpr int64_t kWide = 151936, kMany = (int64_t{1} << 32) / kWide + 2;
  DeviceArray<uint16_t> logits(static_cast<size_t>(kMany * kWide)), pair(2 * kWide);
  std::vector<int32_t> actions(kMany, 7);
  std::vector<float> advantages(kMany, 1);
  std::vector<uint8_t> mask(kMany, 0);
  for (const int64_t row : {int64_t{0}, kMany - 1}) {
    logits.write(static_cast<size_t>(row * kWide), sloping_row(kWide, row));
    pair.write(static_cast<size_t>(row == 0 ? 0 : kWide), sloping_row(kWide, row));
    mask[static_cast<size_t>(row)] = 1;
  }
  DeviceStep whole(token_ppo(), logits.data(), kWide, kWide, actions, advantages, mask);
  DeviceStep alone(token_ppo(), pair.data(), kWide, kWide, {7, 7}, {1, 1}, {1, 1});
  whole.forward();
  alone.forward();
  CHECK(std::isfinite(whole.loss()) && whole.loss() == alone.loss());
}

}  // namespace

int main() {
  for (const char* settings :
       {"strict=1", "strict=1,device=t4,memory=80000000000", "strict=1,cluster=4,threads=32"}) {
    emulation::configure(settings);
    for (const bool in_place : {false, true}) {
      test_rows_far_apart_give_the_same_bits(token_ppo(), in_place);
      test_rows_far_apart_give_the_same_bits(lp_reg(LPREG_LP_REG_PAPER), in_place);
    }
  }
  test_batch_beyond_32_bits_gives_the_loss_of_its_valid_rows();
  return finish();
}
