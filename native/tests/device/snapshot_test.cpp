// Proxy snapshots written by the emulated device: the CPU's entries, offsets and flags, bit for bit; values
// within rounding. What does not fit is told, and nothing is written beyond the capacity.
#include "random_rows.h"

using namespace lpreg::test;

namespace {

struct Snapshot {
  lpreg_snapshot view{};

  Snapshot(BackEnd* on, int64_t rows, int64_t capacity) {
    const auto n = static_cast<size_t>(rows);
    const auto entries = static_cast<size_t>(capacity);
    view = {sizeof view,
            rows,
            capacity,
            on->reserve<int64_t>(n + 1),
            on->reserve<int32_t>(entries),
            on->reserve<float>(entries),
            on->reserve<float>(n),
            on->reserve<uint8_t>(n)};
  }
};

struct Written {
  lpreg_status status;
  int64_t index = -1;
  std::vector<int64_t> row_ptr;
  std::vector<int32_t> ids;
  std::vector<float> log_q, log_kept_mass;
  std::vector<uint8_t> uniform;
};

lpreg_status size_of(BackEnd* on, const RandomRows& data, int64_t* entries) {
  const lpreg_batch batch = data.batch(on);
  auto* states = on->reserve<lpreg_row_state>(data.count());
  auto* count = on->reserve<int64_t>(1);
  lpreg_status status =
      on->api.snapshot_size(on->context, &data.options, &batch, states, count, nullptr, &on->error);
  if (status == LPREG_OK) status = on->finish();
  *entries = on->get(count, 1)[0];
  return status;
}

Written write(BackEnd* on, const RandomRows& data, int64_t capacity) {
  const lpreg_batch batch = data.batch(on);
  auto* states = on->reserve<lpreg_row_state>(data.count());
  Snapshot snapshot(on, data.rows, capacity);
  Written written;
  written.status =
      on->api.snapshot_write(on->context, &data.options, &batch, states, &snapshot.view, nullptr, &on->error);
  if (written.status == LPREG_OK) written.status = on->finish();
  if (written.status != LPREG_OK) written.index = on->error.index;
  const auto entries = static_cast<size_t>(capacity);
  written.row_ptr = on->get(snapshot.view.row_ptr, data.count() + 1);
  written.ids = on->get(snapshot.view.ids, entries);
  written.log_q = on->get(snapshot.view.log_q, entries);
  written.log_kept_mass = on->get(snapshot.view.log_kept_mass, data.count());
  written.uniform = on->get(snapshot.view.uniform, data.count());
  return written;
}

void compare(const Written& got, const Written& want) {
  CHECK(got.status == want.status && got.index == want.index);
  CHECK(got.row_ptr == want.row_ptr && got.uniform == want.uniform);
  if (want.status != LPREG_OK) return;
  CHECK(got.ids == want.ids);
  for (size_t k = 0; k < want.log_q.size(); ++k) check_value(got.log_q[k], want.log_q[k], "log_q");
  for (size_t row = 0; row < want.log_kept_mass.size(); ++row) {
    check_value(got.log_kept_mass[row], want.log_kept_mass[row], "log_kept_mass");
  }
}

// Rows whose entries fit are written even where a later row's do not.
void check_rows_that_fit(const Written& got, const Written& whole, int64_t capacity) {
  for (size_t row = 0; row + 1 < whole.row_ptr.size() && whole.row_ptr[row + 1] <= capacity; ++row) {
    for (auto k = static_cast<size_t>(whole.row_ptr[row]); k < static_cast<size_t>(whole.row_ptr[row + 1]);
         ++k) {
      CHECK(got.ids[k] == whole.ids[k]);
    }
  }
}

void compare(uint64_t seed) {
  constexpr int64_t kVocabs[] = {1, 2, 7, 33, 97, 257, 1027, 9001};
  const RandomRows data(seed, kVocabs[seed % 8]);
  BackEnd cpu(LPREG_BACKEND_CPU), device(LPREG_BACKEND_CUDA);
  int64_t entries = -1, on_device = -2;
  CHECK(size_of(&cpu, data, &entries) == LPREG_OK);
  CHECK(size_of(&device, data, &on_device) == LPREG_OK);
  CHECK(entries == on_device);
  const Written want = write(&cpu, data, entries);
  CHECK(want.status == LPREG_OK && want.row_ptr.back() == entries);
  compare(write(&device, data, entries), want);
  if (entries == 0) return;
  const int64_t capacity = entries / 2;
  const Written partial = write(&device, data, capacity);
  CHECK(partial.status == LPREG_ERR_SNAPSHOT_TOO_LARGE);
  compare(partial, write(&cpu, data, capacity));
  check_rows_that_fit(partial, want, capacity);
}

void test_snapshots_hold_what_the_cpu_writes() {
  for (uint64_t seed = 0; seed < 120; ++seed) compare(seed);
}

void test_non_finite_logits_are_named() {
  RandomRows data(5, 97);
  CHECK(data.rows > 1);
  data.mask.assign(data.count(), 0);
  data.mask.back() = 1;
  data.actions.assign(data.count(), 0);
  data.logit(data.rows - 1, 50) = NAN;
  BackEnd device(LPREG_BACKEND_CUDA);
  int64_t entries = -1;
  CHECK(size_of(&device, data, &entries) == LPREG_ERR_NON_FINITE_LOGITS && entries == 0);
  CHECK(device.error.index == data.rows - 1);
  CHECK(write(&device, data, 10).status == LPREG_ERR_NON_FINITE_LOGITS);
}

// Paper's form, regularised towards the snapshot: both back ends read what they wrote themselves.
double loss_towards_snapshot(BackEnd* on, const RandomRows& data, int64_t capacity) {
  lpreg_batch batch = data.batch(on);
  auto* states = on->reserve<lpreg_row_state>(data.count());
  const Snapshot snapshot(on, data.rows, capacity);
  lpreg_snapshot view = snapshot.view;
  on->started(on->api.snapshot_write(on->context, &data.options, &batch, states, &view, nullptr, &on->error));
  lpreg_loss_options options{};
  options.struct_size = sizeof options;
  options.objective = LPREG_LP_REG_PAPER;
  options.row.temperature = data.options.temperature;
  options.row.softcap = data.options.softcap;
  options.row.proxy = LPREG_PROXY_SNAPSHOT;
  options.clip_low = 1;
  options.clip_high = 9;
  options.beta = 1;
  options.rho = 1;
  batch.proxy_snapshot = &view;
  batch.old_log_probs = on->put(std::vector<float>(data.count(), -1));
  batch.advantages = on->put(std::vector<float>(data.count(), -1));
  size_t bytes = 0;
  on->started(on->api.loss_workspace_size(on->context, &options, &batch, &bytes, &on->error));
  lpreg_loss_result empty{};
  empty.struct_size = sizeof empty;
  auto* result = on->put(std::vector<lpreg_loss_result>{empty});
  on->started(on->api.loss_forward(on->context, &options, &batch, on->reserve<uint8_t>(bytes), bytes, nullptr,
                                   result, nullptr, &on->error));
  on->started(on->finish());
  return on->get(result, 1)[0].loss;
}

void test_a_loss_reads_the_snapshot_that_was_written() {
  RandomRows data(9, 257);
  CHECK(data.rows > 0);
  for (float& z : data.logits) {
    if (!(std::fabs(z) < 50)) z = -3;
  }
  data.mask.assign(data.count(), 1);
  for (int64_t& action : data.actions) action = 3;
  data.options.filter_kind = LPREG_FILTER_MIN_P;
  data.options.filter_empty = LPREG_EMPTY_ARGMAX;
  data.options.filter_value = 0.01;
  BackEnd cpu(LPREG_BACKEND_CPU), device(LPREG_BACKEND_CUDA);
  const double want = loss_towards_snapshot(&cpu, data, 4000);
  CHECK(std::isfinite(want) && want != 0);
  check_value(loss_towards_snapshot(&device, data, 4000), want, "loss");
}

void test_wrong_targets_are_refused_at_once() {
  const RandomRows data(4, 97);
  BackEnd device(LPREG_BACKEND_CUDA);
  const lpreg_batch batch = data.batch(&device);
  auto* states = device.reserve<lpreg_row_state>(data.count());
  Snapshot snapshot(&device, data.rows, 8);
  const auto status = [&] {
    return device.api.snapshot_write(device.context, &data.options, &batch, states, &snapshot.view, nullptr,
                                     &device.error);
  };
  snapshot.view.ids = nullptr;
  CHECK(status() == LPREG_ERR_MISSING);
  snapshot.view.rows = data.rows + 1;
  CHECK(status() == LPREG_ERR_SHAPE);
  CHECK(device.api.snapshot_size(device.context, &data.options, &batch, states, nullptr, nullptr,
                                 &device.error) == LPREG_ERR_MISSING);
  lpreg_row_options unfiltered = data.options;
  unfiltered.proxy = LPREG_PROXY_OLD;
  CHECK(device.api.snapshot_size(device.context, &unfiltered, &batch, states, device.reserve<int64_t>(1),
                                 nullptr, &device.error) == LPREG_ERR_OPTION);
}

}  // namespace

int main(int argc, char** argv) {
  under_each_schedule(
      argc, argv,
      {"guard=1,strict=1,lazy=1", "guard=1,strict=1,threads=96,order=starving", "device=t4,cluster=-1"}, [] {
        test_snapshots_hold_what_the_cpu_writes();
        test_non_finite_logits_are_named();
        test_a_loss_reads_the_snapshot_that_was_written();
        test_wrong_targets_are_refused_at_once();
      });
  return finish();
}
