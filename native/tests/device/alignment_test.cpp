// A row's bits do not depend on where it lies: the same row at every place between two 16-byte boundaries,
// its gradient at another, on rows that one block holds, that a cluster holds and that are streamed.
#include <cstring>
#include <initializer_list>
#include <vector>

#include "device_step.h"
#include "emulation/config.h"

namespace {

using namespace lpreg;
using namespace lpreg::test;

constexpr int kPlaces = 8;  // of a 16-bit element
constexpr float kLoneAdvantage = -0.5f;

struct Outcome {
  double loss;
  std::vector<uint16_t> gradient;
};

bool same(const Outcome& a, const Outcome& b) {
  return std::memcmp(&a.loss, &b.loss, sizeof a.loss) == 0 && a.gradient == b.gradient;
}

// Logits begin `place` elements after a boundary and end with their allocation; the gradient lies elsewhere.
Outcome evaluate(const std::vector<uint16_t>& row, int place, int gradient_place) {
  const auto vocab = static_cast<int64_t>(row.size());
  DeviceArray<uint16_t> logits(row.size() + static_cast<size_t>(place));
  const DeviceArray<uint16_t> gradient(row.size() + static_cast<size_t>(gradient_place));
  logits.write(static_cast<size_t>(place), row);
  DeviceStep step(lp_reg(LPREG_LP_REG_KEPT), logits.data() + place, vocab, vocab,
                  {static_cast<int32_t>(vocab / 2)}, {kLoneAdvantage}, {1});
  step.forward_backward(gradient.data() + gradient_place, vocab);
  return {step.loss(), gradient.read(static_cast<size_t>(gradient_place), row.size())};
}

void test_rows_of(int64_t vocab) {
  const std::vector<uint16_t> row = sloping_row(vocab, 3);
  const Outcome expected = evaluate(row, 0, 0);
  for (int place = 0; place < kPlaces; ++place) {
    CHECK(same(evaluate(row, place, 0), expected));
    CHECK(same(evaluate(row, place, (place + 3) % kPlaces), expected));
  }
}

}  // namespace

int main() {
  for (const char* settings :
       {"strict=1,guard=1", "strict=1,guard=1,device=t4", "strict=1,guard=1,cluster=3,threads=64",
        "strict=1,guard=1,cluster=-1,threads=32,order=random"}) {
    CHECK(emulation::configure(settings));
    for (const int64_t vocab : {1, 7, 8, 9, 17, 255, 1003, 4096}) test_rows_of(vocab);
  }
  CHECK(emulation::configure("strict=1,guard=1"));
  test_rows_of(151937);  // in a cluster
  return finish();
}
