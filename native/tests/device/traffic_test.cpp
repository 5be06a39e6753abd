// Bytes of logits and gradient that one step moves, by the emulated device's own counters and through the
// launchers that ship. In units of all rows; a row's action is read once more by each block. Prints what it
// has counted.
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <utility>
#include <vector>

#include "core/short_row.h"
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

enum class Pass { kForward, kBackward, kBoth };
const char* const kPasses[] = {"statistics", "gradient", "one call"};

struct Case {
  int64_t vocab;
  int32_t dtype;
  std::vector<int32_t> actions;
  std::vector<float> advantages;
  std::vector<uint8_t> mask;
  DeviceArray<uint8_t> logits, gradient;

  Case(int64_t vocabulary, int32_t type)
      : vocab(vocabulary),
        dtype(type),
        actions(kRows, 0),
        advantages(kRows, 1),
        mask(kRows, 1),
        logits(static_cast<size_t>(kRows * vocab) * element_size()),
        gradient(logits.bytes()) {
    for (int64_t row = 0; row < kRows; ++row) write_row(row);
  }

  size_t element_size() const { return dtype == LPREG_FLOAT32 ? 4 : 2; }
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

  void run(const lpreg_loss_options& options, Pass pass) const {
    DeviceStep step(options, logits.data(), vocab, vocab, actions, advantages, mask, dtype);
    if (pass == Pass::kBackward) step.forward();
    emulation::reset_traffic();
    if (pass == Pass::kForward) step.forward();
    if (pass == Pass::kBackward) step.backward(gradient.data(), vocab);
    if (pass == Pass::kBoth) step.forward_backward(gradient.data(), vocab);
  }

 private:
  void write_row(int64_t row) {
    const size_t first = static_cast<size_t>(row * vocab) * element_size();
    std::vector<uint8_t> bytes(static_cast<size_t>(vocab) * element_size());
    for (int64_t v = 0; v < vocab; ++v) {
      const float logit = sloping_logit(v, vocab, row);
      const uint16_t narrow = core::float_to_bfloat16(logit);
      const void* value = dtype == LPREG_FLOAT32 ? static_cast<const void*>(&logit) : &narrow;
      std::memcpy(&bytes[static_cast<size_t>(v) * element_size()], value, element_size());
    }
    logits.write(first, bytes);
  }
  double share(uint64_t bytes) const {
    return static_cast<double>(bytes) / static_cast<double>(logits.bytes());
  }
};

// `reads` of the logits and one write of the gradient, where the pass has one.
void expect(const char* what, const Case& c, const lpreg_loss_options& options, Pass pass, double reads) {
  c.run(options, pass);
  std::printf("%-8s V %lld  %-28s %-10s  %.4f R + %.4f W, %.2f bytes per access\n",
              c.dtype == LPREG_FLOAT32 ? "float32" : "bfloat16", static_cast<long long>(c.vocab), what,
              kPasses[static_cast<int>(pass)], c.reads(), c.writes(), c.bytes_per_access());
  CHECK(c.reads() >= reads);
  CHECK_NEAR(c.reads(), reads, tolerance(c.vocab, reads));
  CHECK(c.writes() == (pass == Pass::kForward ? 0 : 1));
  CHECK(c.disturbs_nothing());
  CHECK(c.bytes_per_access() > 15);
}

// Of the rows' tokens the filter keeps either so few that their logits fit beside the sums, or more.
lpreg_loss_options lp_reg_of(int32_t objective, int32_t filter, double value) {
  lpreg_loss_options options = lp_reg(objective);
  options.row.filter_kind = filter;
  options.row.filter_value = value;
  return options;
}

lpreg_loss_options few_kept(int32_t objective) { return lp_reg_of(objective, LPREG_FILTER_MIN_P, 0.3); }
lpreg_loss_options many_kept(int32_t objective) { return lp_reg_of(objective, LPREG_FILTER_MIN_P, 0.02); }
constexpr double kFewTau = 0.3, kManyTau = 1e-7;

void test_held_rows_are_read_once(const Case& c) {
  for (const Pass pass : {Pass::kForward, Pass::kBackward, Pass::kBoth}) {
    expect("GRPO", c, token_ppo(), pass, 1);
    expect("Lp-Reg, many kept", c, many_kept(LPREG_LP_REG_KEPT), pass, 1);
  }
  expect("Lp-Reg, few kept", c, few_kept(LPREG_LP_REG_KEPT), Pass::kBoth, 1);
  const lpreg_loss_options fixed = lp_reg_of(LPREG_LP_REG_KEPT, LPREG_FILTER_FIXED, kManyTau);
  expect("Lp-Reg, fixed, many kept", c, fixed, Pass::kBoth, 1);
}

// Only rows whose advantage is negative and whose action is kept wait for the threshold and are read again.
void test_split_reads_again_what_the_selection_can_reach(Case c) {
  c.advantages = {-1, 1, -1, 0.5f, -1, 1};
  c.actions[4] = static_cast<int32_t>(c.vocab - 1);
  expect("Lp-Reg, split, 2 rows of 6", c, many_kept(LPREG_LP_REG_PAPER), Pass::kBoth, 1 + 2.0 / kRows);
}

void test_masked_rows_are_not_read(Case c) {
  c.mask = {1, 0, 0, 1, 0, 0};
  expect("4 of 6 rows masked", c, token_ppo(), Pass::kForward, 2.0 / kRows);
  expect("4 of 6 rows masked", c, token_ppo(), Pass::kBackward, 2.0 / kRows);
  expect("4 of 6 rows masked", c, many_kept(LPREG_LP_REG_KEPT), Pass::kBoth, 2.0 / kRows);
  c.mask.assign(kRows, 0);
  expect("all rows masked", c, token_ppo(), Pass::kBoth, 0);
}

void test_rows_without_coefficients_are_not_read_for_their_gradient(Case c) {
  c.advantages = {1, 0, 0, 1, 0, 1};
  expect("3 of 6 advantages zero", c, token_ppo(), Pass::kBackward, 3.0 / kRows);
}

// Rows that no shared memory holds.
void test_streamed_rows(const Case& c) {
  const std::pair<const char*, lpreg_loss_options> losses[] = {
      {"GRPO, streamed", token_ppo()},
      {"few kept, streamed", few_kept(LPREG_LP_REG_KEPT)},
      {"fixed, few kept, streamed", lp_reg_of(LPREG_LP_REG_KEPT, LPREG_FILTER_FIXED, kFewTau)},
      {"many kept, streamed", many_kept(LPREG_LP_REG_KEPT)},
      {"fixed, many kept, streamed", lp_reg_of(LPREG_LP_REG_KEPT, LPREG_FILTER_FIXED, kManyTau)}};
  constexpr double kStatistics[] = {1, 1, 1, 2, 3};
  for (size_t i = 0; i < std::size(losses); ++i) {
    const auto& [name, options] = losses[i];
    expect(name, c, options, Pass::kForward, kStatistics[i]);
    expect(name, c, options, Pass::kBoth, kStatistics[i] + 1);
  }
}

// Statistics by single elements, never in one call with the gradient; the action is an element more each
// time.
void test_short_rows_are_read_for_each(const Case& c) {
  const double once = 1 + 1 / static_cast<double>(c.vocab);
  c.run(many_kept(LPREG_LP_REG_KEPT), Pass::kForward);
  CHECK(c.reads() == once && c.writes() == 0);
  c.run(many_kept(LPREG_LP_REG_KEPT), Pass::kBackward);
  CHECK(c.reads() == once && c.writes() == 1);
  c.run(many_kept(LPREG_LP_REG_KEPT), Pass::kBoth);
  CHECK(c.reads() == 2 * once && c.writes() == 1);
}

}  // namespace

int main() {
  for (const int64_t vocab : {151936, 151935}) {
    for (const int32_t dtype : {LPREG_BFLOAT16, LPREG_FLOAT32}) {
      const auto make = [&] { return Case(vocab, dtype); };
      emulation::configure("strict=1,guard=1");
      test_held_rows_are_read_once(make());
      if (dtype == LPREG_FLOAT32) continue;  // what follows does not know the dtype
      test_split_reads_again_what_the_selection_can_reach(make());
      test_masked_rows_are_not_read(make());
      test_rows_without_coefficients_are_not_read_for_their_gradient(make());
      if (vocab % 8 != 0) continue;
      emulation::configure("strict=1,guard=1,device=t4");
      test_streamed_rows(make());
    }
  }
  emulation::configure("strict=1,guard=1");
  for (const int32_t dtype : {LPREG_BFLOAT16, LPREG_FLOAT32}) {
    test_short_rows_are_read_for_each(Case(core::kShortRow, dtype));
  }
  return finish();
}
