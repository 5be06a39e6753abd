// Two devices: a context works on its own, whichever the caller has made current, and what belongs to the
// other one is found out.
#include <cstring>

#include "cuda/device_api.h"
#include "emulation/launch.h"
#include "small_loss.h"

using namespace lpreg;
using namespace lpreg::test;

namespace {

constexpr lpreg_scalar kAbsent{LPREG_ABSENT, 0, nullptr};

int current_device() {
  int device = -1;
  cuda::current_device(&device);
  return device;
}

void make_current(int device) { CHECK(cuda::set_device(device) == 0); }

lpreg_status start(BackEnd* on, const lpreg_batch& batch, void* stream) {
  const lpreg_row_options options = loss_options(LPREG_LP_REG_KEPT).row;
  auto* states = on->reserve<lpreg_row_state>(static_cast<size_t>(batch.rows));
  lpreg_call call{};
  call.struct_size = sizeof call;
  call.stream = stream;
  return on->api.token_stats(on->context, &options, &batch, LPREG_NON_FINITE_ERROR, states, nullptr, nullptr,
                             &call, &on->error);
}

// Tensors of the host, which pass through memory and streams that the context makes for itself.
float loss_over_host_memory(BackEnd* device, const SmallLoss& small, const lpreg_loss_options& options) {
  BackEnd host(LPREG_BACKEND_CPU);
  const lpreg_batch batch = small.batch(&host);
  lpreg_call call{};
  call.struct_size = sizeof call;
  call.host_memory = 1;
  lpreg_loss_result result{};
  result.struct_size = sizeof result;
  size_t bytes = 0;
  device->started(device->api.loss_workspace_size(device->context, &options, &batch, &bytes, &device->error));
  const lpreg_matrix gradient{host.reserve<float>(small.logits.size()), LPREG_FLOAT32, SmallLoss::kVocab, 0};
  device->started(device->api.loss_forward_backward(device->context, &options, &batch,
                                                    host.reserve<uint8_t>(bytes), bytes, kAbsent, &gradient,
                                                    nullptr, &result, &call, &device->error));
  return static_cast<float>(result.loss);
}

void test_a_context_works_on_its_device_whichever_is_current() {
  const SmallLoss small;
  const lpreg_loss_options options = loss_options(LPREG_LP_REG_PAPER);
  make_current(0);
  BackEnd first(LPREG_BACKEND_CUDA, 0);
  const LossOutcome expected = evaluate(&first, options, small.batch(&first), kAbsent);
  for (const int current : {0, 1}) {
    make_current(current);
    BackEnd second(LPREG_BACKEND_CUDA, 1);
    const lpreg_batch batch = small.batch(&second);
    const LossOutcome got = evaluate(&second, options, batch, kAbsent);
    CHECK(got.gradient == expected.gradient && got.result.loss == expected.result.loss);
    CHECK(start(&second, batch, nullptr) == LPREG_OK && second.finish() == LPREG_OK);
    CHECK(loss_over_host_memory(&second, small, options) == static_cast<float>(expected.result.loss));
    CHECK(current_device() == current);
  }
  make_current(0);
}

void test_each_device_has_its_own_memory() {
  const lpreg_api& api = *lpreg_get_api(LPREG_ABI_VERSION);
  void* memory[2] = {};
  int32_t device = -1;
  for (const int ordinal : {0, 1}) {
    CHECK(api.device_allocate(ordinal, 64, &memory[ordinal], nullptr) == LPREG_OK);
    CHECK(api.device_of_pointer(static_cast<char*>(memory[ordinal]) + 63, &device, nullptr) == LPREG_OK);
    CHECK(device == ordinal);
  }
  for (const int ordinal : {0, 1}) CHECK(api.device_release(ordinal, memory[ordinal], nullptr) == LPREG_OK);
}

void test_a_stream_of_the_other_device_is_refused_and_nothing_is_lost() {
  const SmallLoss small;
  BackEnd on(LPREG_BACKEND_CUDA, 1);
  const lpreg_batch batch = small.batch(&on);
  void* streams[2] = {};
  for (const int ordinal : {0, 1}) {
    CHECK(on.api.stream_create(ordinal, &streams[ordinal], nullptr) == LPREG_OK);
  }
  CHECK(start(&on, batch, streams[0]) == LPREG_ERR_DEVICE);
  CHECK(std::strstr(on.error.message, "lost") == nullptr);
  CHECK(start(&on, batch, streams[1]) == LPREG_OK && on.finish() == LPREG_OK);
  for (const int ordinal : {0, 1}) {
    CHECK(on.api.stream_destroy(ordinal, streams[ordinal], nullptr) == LPREG_OK);
  }
}

// The C ABI takes pointers as they are given; what a device says of memory that is not its own is an error.
void test_memory_of_the_other_device_ends_in_an_error_of_the_device() {
  const SmallLoss small;
  {
    BackEnd owner(LPREG_BACKEND_CUDA, 0), on(LPREG_BACKEND_CUDA, 1);
    const lpreg_batch batch = small.batch(&owner);
    const lpreg_status started = start(&on, batch, nullptr);  // a later launch may meet the error already
    CHECK(started == LPREG_OK || started == LPREG_ERR_DEVICE);
    CHECK(on.finish() == LPREG_ERR_DEVICE);
    CHECK(emulation::failed_grid().kind == "other-device");
    emulation::clear_failure();
  }
}

}  // namespace

int main(int argc, char** argv) {
  under_each_schedule(argc, argv, {"devices=2,guard=1,strict=1,lazy=1", "devices=2,guard=1,strict=1"}, [] {
    test_a_context_works_on_its_device_whichever_is_current();
    test_each_device_has_its_own_memory();
    test_a_stream_of_the_other_device_is_refused_and_nothing_is_lost();
    test_memory_of_the_other_device_ends_in_an_error_of_the_device();
  });
  return finish();
}
