// Every operation can be captured in a graph: under a capture it makes no call that CUDA forbids there, runs
// nothing, and its replays give the bits of direct calls, with whatever the arrays hold by then.
#include <functional>
#include <string>

#include "emulation/capture.h"
#include "random_rows.h"
#include "small_loss.h"

using namespace lpreg::test;
namespace emulation = lpreg::emulation;

namespace {

constexpr int64_t kVocab = 257;
constexpr lpreg_scalar kAbsent{LPREG_ABSENT, 0, nullptr};

// What an operation writes, as bytes of device memory.
struct Output {
  uint8_t* memory;
  size_t bytes;
};

struct Fixture {
  BackEnd on{LPREG_BACKEND_CUDA};
  void* stream = nullptr;
  lpreg_call call{};
  RandomRows data{13, kVocab};
  lpreg_batch batch{};
  size_t rows = 0, elements = 0;
  std::vector<Output> outputs;

  Fixture() {
    CHECK(on.api.stream_create(0, &stream, &on.error) == LPREG_OK);
    call.struct_size = sizeof call;
    call.stream = stream;
    for (float& z : data.logits) {
      if (!(std::fabs(z) < 50)) z = -3;
    }
    data.dtype = LPREG_FLOAT32;
    data.stride = kVocab;
    data.rows = 5;
    data.logits.resize(5 * kVocab, 0.25f);
    data.mask = {1, 1, 0, 1, 1};
    data.actions = {3, 200, 0, 17, 256};
    batch = data.batch(&on);
    rows = 5;
    elements = rows * kVocab;
    batch.old_log_probs = on.put(std::vector<float>{-1, -5, -2, -4, -3});
    batch.advantages = on.put(std::vector<float>{1, -1, 2, -0.5f, -2});
  }
  ~Fixture() { CHECK(on.api.stream_destroy(0, stream, &on.error) == LPREG_OK); }

  template <class T>
  T* output(size_t count) {
    auto* memory = on.reserve<uint8_t>(count * sizeof(T));
    outputs.push_back({memory, count * sizeof(T)});
    return reinterpret_cast<T*>(memory);
  }
  void clear_outputs() {
    for (const Output& o : outputs) on.write(o.memory, std::vector<uint8_t>(o.bytes, 0).data(), o.bytes);
  }
  std::vector<std::vector<uint8_t>> read_outputs() {
    std::vector<std::vector<uint8_t>> bytes;
    for (const Output& o : outputs) bytes.push_back(on.get(o.memory, o.bytes));
    return bytes;
  }
  lpreg_status finish() { return on.api.context_synchronize(on.context, stream, &on.error); }

  // Logits of later steps.
  void change_logits(float step) {
    std::vector<float> changed = data.logits;
    for (size_t i = 0; i < changed.size(); ++i) changed[i] += step * static_cast<float>(i % 7);
    on.write(static_cast<float*>(batch.logits.data), changed.data(), changed.size());
  }
};

// `operation` starts work on the fixture's stream and writes to its outputs.
void check_capture(Fixture* f, const std::string& name, const std::function<lpreg_status()>& operation) {
  const auto run = [&] {
    f->clear_outputs();
    f->on.started(operation());
    f->on.started(f->finish());
    return f->read_outputs();
  };
  f->change_logits(0);
  const auto first = run();
  f->change_logits(0.1f);
  const auto second = run();
  CHECK(first != second);
  f->change_logits(0);
  f->clear_outputs();
  const auto cleared = f->read_outputs();
  emulation::begin_capture(f->stream);
  f->on.started(operation());
  const emulation::Capture capture = emulation::end_capture();
  for (const std::string& call : capture.forbidden) {
    std::printf("%s: forbidden under a capture: %s\n", name.c_str(), call.c_str());
  }
  CHECK(capture.forbidden.empty() && !capture.work.empty());
  CHECK(f->finish() == LPREG_OK && f->read_outputs() == cleared);
  for (const bool later : {false, true, false}) {
    f->change_logits(later ? 0.1f : 0);
    f->clear_outputs();
    CHECK(emulation::replay(capture, f->stream) == 0 && f->finish() == LPREG_OK);
    CHECK(f->read_outputs() == (later ? second : first));
  }
  f->outputs.clear();
}

struct LossFixture : Fixture {
  lpreg_loss_options options;
  size_t bytes = 0;
  uint8_t* workspace = nullptr;
  lpreg_scalar scale;

  explicit LossFixture(int32_t objective) : options(loss_options(objective)) {
    CHECK(on.api.loss_workspace_size(on.context, &options, &batch, &bytes, &on.error) == LPREG_OK);
    workspace = on.reserve<uint8_t>(bytes);
    scale = {LPREG_DEVICE, 0, on.put(std::vector<double>{2})};
    call.gradient_is_scratch = 1;  // one pass where the loss allows it
  }
};

void test_whole_losses() {
  for (const int32_t objective :
       {LPREG_GRPO, LPREG_GSPO, LPREG_CLIP_COV, LPREG_TOP_ENTROPY, LPREG_LP_REG_PAPER}) {
    LossFixture f(objective);
    const lpreg_api& api = f.on.api;
    auto* result = f.output<lpreg_loss_result>(1);
    lpreg_token_outputs tokens{};
    tokens.struct_size = sizeof tokens;
    tokens.token_loss = f.output<float>(f.rows);
    const lpreg_matrix gradient{f.output<float>(f.elements), LPREG_FLOAT32, kVocab, 0};
    const std::vector<Output> outputs = f.outputs;
    check_capture(&f, "loss_forward_backward", [&] {
      return api.loss_forward_backward(f.on.context, &f.options, &f.batch, f.workspace, f.bytes, f.scale,
                                       &gradient, &tokens, result, &f.call, &f.on.error);
    });
    f.outputs = outputs;
    check_capture(&f, "loss_forward and loss_backward", [&] {
      const lpreg_status status = api.loss_forward(f.on.context, &f.options, &f.batch, f.workspace, f.bytes,
                                                   &tokens, result, &f.call, &f.on.error);
      if (status != LPREG_OK) return status;
      return api.loss_backward(f.on.context, &f.options, &f.batch, f.workspace, f.bytes, f.scale, &gradient,
                               &f.call, &f.on.error);
    });
  }
}

void test_per_token_operation() {
  Fixture f;
  const lpreg_row_options options = loss_options(LPREG_LP_REG_PAPER).row;
  auto* states = f.output<lpreg_row_state>(f.rows);
  lpreg_token_outputs tokens{};
  tokens.struct_size = sizeof tokens;
  tokens.entropy = f.output<float>(f.rows);
  const lpreg_matrix gradient{f.output<float>(f.elements), LPREG_FLOAT32, kVocab, 0};
  const float* ones = f.on.put(std::vector<float>(f.rows, 1));
  check_capture(&f, "token_stats and its backward", [&] {
    const lpreg_status status = f.on.api.token_stats(f.on.context, &options, &f.batch, LPREG_NON_FINITE_ERROR,
                                                     states, nullptr, &tokens, &f.call, &f.on.error);
    if (status != LPREG_OK) return status;
    return f.on.api.token_stats_backward(f.on.context, &options, &f.batch, states, nullptr, ones, ones, ones,
                                         &gradient, &f.call, &f.on.error);
  });
}

// The scalar stage reads what token_stats wrote, so that its outputs follow the logits.
void test_scalar_stage() {
  LossFixture f(LPREG_GRPO);
  auto* states = f.on.reserve<lpreg_row_state>(f.rows);
  auto* result = f.output<lpreg_loss_result>(1);
  lpreg_token_outputs tokens{};
  tokens.struct_size = sizeof tokens;
  tokens.log_prob = f.output<float>(f.rows);
  check_capture(&f, "objective", [&] {
    const lpreg_status status =
        f.on.api.token_stats(f.on.context, &f.options.row, &f.batch, LPREG_NON_FINITE_ERROR, states, nullptr,
                             &tokens, &f.call, &f.on.error);
    if (status != LPREG_OK) return status;
    return f.on.api.objective(f.on.context, &f.options, &f.batch, &tokens, f.workspace, f.bytes, nullptr,
                              result, &f.call, &f.on.error);
  });
}

void test_split_statistics() {
  Fixture f;
  const lpreg_api& api = f.on.api;
  const lpreg_row_options options = loss_options(LPREG_LP_REG_PAPER).row;
  auto* parts = f.output<lpreg_row_part>(2 * f.rows);
  auto* merged = f.output<lpreg_row_part>(f.rows);
  auto* kept = f.output<lpreg_row_kept>(2 * f.rows);
  auto* all_kept = f.output<lpreg_row_kept>(f.rows);
  auto* states = f.output<lpreg_row_state>(f.rows);
  const lpreg_matrix gradient{f.output<float>(f.elements), LPREG_FLOAT32, kVocab, 0};
  const float* ones = f.on.put(std::vector<float>(f.rows, 1));
  const int64_t cuts[] = {0, 100, kVocab};
  lpreg_batch shards[2] = {f.batch, f.batch};
  for (int k = 0; k < 2; ++k) {
    shards[k].vocab = cuts[k + 1] - cuts[k];
    shards[k].logits.data = static_cast<float*>(f.batch.logits.data) + cuts[k];
  }
  check_capture(&f, "split statistics", [&] {
    bool done = true;
    for (size_t k = 0; k < 2; ++k) {
      done &= api.row_parts(f.on.context, &options, &shards[k], cuts[k], kVocab, parts + k * f.rows, &f.call,
                            &f.on.error) == LPREG_OK;
    }
    done &=
        api.row_parts_merge(f.on.context, &options, 5, 2, parts, merged, &f.call, &f.on.error) == LPREG_OK;
    for (size_t k = 0; k < 2; ++k) {
      done &= api.row_kept(f.on.context, &options, &shards[k], cuts[k], kVocab, merged, kept + k * f.rows,
                           &f.call, &f.on.error) == LPREG_OK;
    }
    done &= api.row_kept_merge(f.on.context, 5, 2, kept, all_kept, &f.call, &f.on.error) == LPREG_OK;
    done &= api.row_finalize(f.on.context, &options, 5, kVocab, f.batch.mask, merged, all_kept, states,
                             &f.call, &f.on.error) == LPREG_OK;
    CHECK(done);
    return api.row_gradient(f.on.context, &options, &f.batch, 0, kVocab, states, ones, ones, ones, &gradient,
                            &f.call, &f.on.error);
  });
}

void test_snapshots() {
  Fixture f;
  const lpreg_row_options options = loss_options(LPREG_LP_REG_PAPER).row;
  auto* states = f.on.reserve<lpreg_row_state>(f.rows);
  auto* entries = f.output<int64_t>(1);
  lpreg_snapshot snapshot{};
  snapshot.struct_size = sizeof snapshot;
  snapshot.rows = 5;
  snapshot.capacity = static_cast<int64_t>(f.elements);
  snapshot.row_ptr = f.output<int64_t>(f.rows + 1);
  snapshot.ids = f.output<int32_t>(f.elements);
  snapshot.log_q = f.output<float>(f.elements);
  snapshot.log_kept_mass = f.output<float>(f.rows);
  snapshot.uniform = f.output<uint8_t>(f.rows);
  check_capture(&f, "snapshot_size and snapshot_write", [&] {
    const lpreg_status status =
        f.on.api.snapshot_size(f.on.context, &options, &f.batch, states, entries, &f.call, &f.on.error);
    if (status != LPREG_OK) return status;
    return f.on.api.snapshot_write(f.on.context, &options, &f.batch, states, &snapshot, &f.call, &f.on.error);
  });
}

void test_a_wait_or_another_stream_under_a_capture_is_noticed() {
  Fixture f;
  auto* states = f.on.reserve<lpreg_row_state>(f.rows);
  const lpreg_row_options options = loss_options(LPREG_GRPO).row;
  emulation::begin_capture(f.stream);
  CHECK(f.finish() == LPREG_ERR_DEVICE);
  CHECK(f.on.api.token_stats(f.on.context, &options, &f.batch, LPREG_NON_FINITE_ERROR, states, nullptr,
                             nullptr, nullptr, &f.on.error) == LPREG_ERR_DEVICE);
  void* memory = nullptr;
  CHECK(f.on.api.device_allocate(0, 8, &memory, &f.on.error) == LPREG_ERR_DEVICE);
  CHECK(emulation::end_capture().forbidden.size() == 3);
  CHECK(f.finish() == LPREG_OK);
}

}  // namespace

int main() {
  CHECK(emulation::configure("guard=1,strict=1,lazy=1"));
  test_whole_losses();
  test_per_token_operation();
  test_scalar_stage();
  test_split_statistics();
  test_snapshots();
  test_a_wait_or_another_stream_under_a_capture_is_noticed();
  return finish();
}
