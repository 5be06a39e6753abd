// Bytes of logits and gradient that one step moves, by the emulated device's own counters and through the
// launchers that ship. In units of all rows; a row's action is read once more by each block.
#include <initializer_list>
#include <vector>

#include "core/half.h"
#include "device_step.h"
#include "emulation/config.h"
#include "emulation/device_memory.h"

namespace {

using namespace lpreg;
using namespace lpreg::test;

constexpr int64_t kRows = 6;
constexpr double kActionReads = 0.002;  // with the elements at the ends of odd rows

// What may be read beyond `reads`: of rows between 16-byte boundaries each warp loads 16 bytes in 512 that
// the next one loads too, at the same time and hence from the cache.
double tolerance(int64_t vocab, double reads) { return kActionReads + (vocab % 8 == 0 ? 0 : reads / 32); }

struct Case {
  int64_t vocab;
  std::vector<int32_t> actions;
  std::vector<float> advantages;
  std::vector<uint8_t> mask;
  DeviceArray<uint16_t> logits, gradient;

  explicit Case(int64_t vocabulary)
      : vocab(vocabulary),
        actions(kRows, 0),
        advantages(kRows, 1),
        mask(kRows, 1),
        logits(static_cast<size_t>(kRows * vocab)),
        gradient(static_cast<size_t>(kRows * vocab)) {
    for (int64_t row = 0; row < kRows; ++row) {
      logits.write(static_cast<size_t>(row * vocab), sloping_row(vocab, row));
    }
  }

  double reads() const { return share(emulation::traffic_of(logits.data()).bytes_read); }
  double writes() const { return share(emulation::traffic_of(gradient.data()).bytes_written); }
  // Over logits and gradient; wherever the rows lie, all but a few elements pass in 16 bytes at once.
  double bytes_per_access() const {
    const emulation::Traffic in = emulation::traffic_of(logits.data());
    const emulation::Traffic out = emulation::traffic_of(gradient.data());
    const uint64_t accesses = in.reads + out.writes;
    return accesses == 0
               ? 16
               : static_cast<double>(in.bytes_read + out.bytes_written) / static_cast<double>(accesses);
  }
  bool disturbs_nothing() const {
    return emulation::traffic_of(logits.data()).bytes_written == 0 &&
           emulation::traffic_of(gradient.data()).bytes_read == 0;
  }

 private:
  double share(uint64_t bytes) const {
    return static_cast<double>(bytes) / static_cast<double>(logits.bytes());
  }
};

enum class Pass { kForward, kBackward, kBoth };

// `reads` of the logits and one write of the gradient, where the pass has one.
void expect(const Case& c, const lpreg_loss_options& options, Pass pass, double reads) {
  DeviceStep step(options, c.logits.data(), c.vocab, c.vocab, c.actions, c.advantages, c.mask);
  if (pass == Pass::kBackward) step.forward();
  emulation::reset_traffic();
  if (pass == Pass::kForward) step.forward();
  if (pass == Pass::kBackward) step.backward(c.gradient.data(), c.vocab);
  if (pass == Pass::kBoth) step.forward_backward(c.gradient.data(), c.vocab);
  CHECK(c.reads() >= reads);
  CHECK_NEAR(c.reads(), reads, tolerance(c.vocab, reads));
  CHECK(c.writes() == (pass == Pass::kForward ? 0 : 1));
  CHECK(c.disturbs_nothing());
  CHECK(c.bytes_per_access() > 15);
}

void test_staged_rows(int64_t vocab) {
  const Case c(vocab);
  expect(c, token_ppo(), Pass::kForward, 1);
  expect(c, token_ppo(), Pass::kBackward, 1);
  expect(c, token_ppo(), Pass::kBoth, 1);
  expect(c, lp_reg(LPREG_LP_REG_KEPT), Pass::kBoth, 1);
}

// Only rows whose advantage is negative and whose action is kept wait for the threshold and are read again.
void test_split_reads_again_what_the_selection_can_reach(int64_t vocab) {
  Case c(vocab);
  c.advantages = {-1, 1, -1, 0.5f, -1, 1};
  c.actions[4] = static_cast<int32_t>(vocab - 1);
  expect(c, lp_reg(LPREG_LP_REG_PAPER), Pass::kBoth, 1 + 2.0 / kRows);
}

void test_masked_rows_are_not_read(int64_t vocab) {
  Case c(vocab);
  c.mask = {1, 0, 0, 1, 0, 0};
  expect(c, token_ppo(), Pass::kForward, 2.0 / kRows);
  expect(c, token_ppo(), Pass::kBackward, 2.0 / kRows);
  expect(c, lp_reg(LPREG_LP_REG_KEPT), Pass::kBoth, 2.0 / kRows);
  c.mask.assign(kRows, 0);
  expect(c, token_ppo(), Pass::kBoth, 0);
}

void test_rows_without_coefficients_are_not_read_for_their_gradient(int64_t vocab) {
  Case c(vocab);
  c.advantages = {1, 0, 0, 1, 0, 1};
  expect(c, token_ppo(), Pass::kBackward, 3.0 / kRows);
}

// A row that no shared memory holds: at most as often as docs/kernels.md says.
void test_streamed_rows(int64_t vocab) {
  const Case c(vocab);
  for (const auto& [pass, most] : {std::pair{Pass::kForward, 2}, std::pair{Pass::kBoth, 3}}) {
    DeviceStep step(lp_reg(LPREG_LP_REG_KEPT), c.logits.data(), vocab, vocab, c.actions, c.advantages,
                    c.mask);
    emulation::reset_traffic();
    if (pass == Pass::kForward) step.forward();
    if (pass == Pass::kBoth) step.forward_backward(c.gradient.data(), vocab);
    CHECK(c.reads() >= 1 && c.reads() <= most + tolerance(vocab, most));
    CHECK(c.writes() == (pass == Pass::kForward ? 0 : 1));
  }
}

}  // namespace

int main() {
  for (const int64_t vocab : {151936, 151935}) {
    emulation::configure("strict=1,guard=1");
    test_staged_rows(vocab);
    test_split_reads_again_what_the_selection_can_reach(vocab);
    test_masked_rows_are_not_read(vocab);
    test_rows_without_coefficients_are_not_read_for_their_gradient(vocab);
    emulation::configure("strict=1,guard=1,device=t4");
    test_streamed_rows(vocab);
  }
  return finish();
}
