// Devices and their memory through the C ABI, on two emulated devices.
#include <cstring>
#include <vector>

#include "../check.h"
#include "cuda/device_api.h"
#include "emulation/config.h"
#include "include/lpreg.h"

namespace {

const lpreg_api& api = *lpreg_get_api(LPREG_ABI_VERSION);
lpreg_error error{};

int current_device() {
  int device = -1;
  lpreg::cuda::current_device(&device);
  return device;
}

void test_usable_devices_are_counted_and_described() {
  lpreg_cuda_info cuda{};
  cuda.struct_size = sizeof cuda;
  CHECK(api.cuda_info(&cuda, &error) == LPREG_OK);
  CHECK(cuda.reason[0] == 0 && cuda.advice[0] == 0 && cuda.device_count == 2);
  CHECK(cuda.driver_version > 0 && cuda.runtime_version > 0 && cuda.architectures[0] != 0);
  lpreg_device_info device{};
  device.struct_size = sizeof device;
  CHECK(api.device_info(1, &device, &error) == LPREG_OK);
  CHECK(device.name[0] != 0 && device.reason[0] == 0 && device.memory_bytes > 0);
  CHECK(device.compute_capability == 90 && device.multiprocessors > 0);
}

void test_an_ordinal_out_of_range_is_refused_by_every_function() {
  void* memory = nullptr;
  lpreg_device_info device{};
  device.struct_size = sizeof device;
  for (const int ordinal : {-1, 2}) {
    CHECK(api.device_info(ordinal, &device, &error) == LPREG_ERR_OPTION);
    CHECK(api.device_allocate(ordinal, 8, &memory, &error) == LPREG_ERR_OPTION);
    CHECK(api.device_release(ordinal, nullptr, &error) == LPREG_ERR_OPTION);
    CHECK(api.device_synchronize(ordinal, nullptr, &error) == LPREG_ERR_OPTION);
    CHECK(api.stream_create(ordinal, &memory, &error) == LPREG_ERR_OPTION);
    lpreg_context* context = nullptr;
    const lpreg_context_options options{sizeof options, LPREG_BACKEND_CUDA, 1, ordinal, 0};
    CHECK(api.context_create(&options, &context, &error) == LPREG_ERR_OPTION && context == nullptr);
    CHECK(std::strcmp(error.argument, "device") == 0);
  }
}

void test_uploaded_bytes_come_back_in_the_order_of_the_stream() {
  void* stream = nullptr;
  void* memory = nullptr;
  CHECK(api.stream_create(1, &stream, &error) == LPREG_OK && stream != nullptr);
  CHECK(api.device_allocate(1, 1000, &memory, &error) == LPREG_OK && memory != nullptr);
  std::vector<char> sent(1000), received(1000, 'x');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31);
  CHECK(api.device_upload(1, memory, sent.data(), sent.size(), stream, 0, &error) == LPREG_OK);
  CHECK(api.device_clear(1, memory, 100, stream, &error) == LPREG_OK);
  CHECK(api.device_download(1, received.data(), memory, received.size(), stream, 1, &error) == LPREG_OK);
  CHECK(std::memcmp(received.data() + 100, sent.data() + 100, 900) == 0);
  CHECK(received[0] == 0 && received[99] == 0);
  CHECK(api.device_synchronize(1, stream, &error) == LPREG_OK);
  CHECK(api.device_release(1, memory, &error) == LPREG_OK);
  CHECK(api.stream_destroy(1, stream, &error) == LPREG_OK);
  CHECK(api.device_release(1, nullptr, &error) == LPREG_OK &&
        api.stream_destroy(1, nullptr, &error) == LPREG_OK);
}

void test_a_pointer_tells_its_device() {
  void* memory = nullptr;
  CHECK(api.device_allocate(0, 64, &memory, &error) == LPREG_OK);
  int32_t device = -1;
  CHECK(api.device_of_pointer(static_cast<char*>(memory) + 8, &device, &error) == LPREG_OK && device == 0);
  CHECK(api.device_of_pointer(&device, &device, &error) == LPREG_ERR_OPTION);
  CHECK(api.device_of_pointer(nullptr, &device, &error) == LPREG_ERR_OPTION);
  CHECK(api.device_release(0, memory, &error) == LPREG_OK);
}

void test_memory_beyond_the_device_is_out_of_memory() {
  void* memory = nullptr;
  CHECK(api.device_allocate(0, size_t{1} << 50, &memory, &error) == LPREG_ERR_OUT_OF_MEMORY);
  CHECK(memory == nullptr);
  CHECK(api.device_allocate(0, 0, &memory, &error) == LPREG_ERR_SHAPE);
}

void test_the_callers_device_stays_current() {
  CHECK(lpreg::cuda::set_device(1) == 0);
  void* memory = nullptr;
  CHECK(api.device_allocate(0, 64, &memory, &error) == LPREG_OK && current_device() == 1);
  CHECK(api.device_release(0, memory, &error) == LPREG_OK && current_device() == 1);
  lpreg_context* context = nullptr;
  const lpreg_context_options options{sizeof options, LPREG_BACKEND_CUDA, 1, 0, 0};
  CHECK(api.context_create(&options, &context, &error) == LPREG_OK && current_device() == 1);
  CHECK(api.context_synchronize(context, nullptr, &error) == LPREG_OK && current_device() == 1);
  api.context_destroy(context);
  CHECK(current_device() == 1);
  CHECK(lpreg::cuda::set_device(0) == 0);
}

}  // namespace

int main() {
  error.struct_size = sizeof error;
  lpreg::emulation::configure("devices=2,guard=1,strict=1,lazy=1");
  test_usable_devices_are_counted_and_described();
  test_an_ordinal_out_of_range_is_refused_by_every_function();
  test_uploaded_bytes_come_back_in_the_order_of_the_stream();
  test_a_pointer_tells_its_device();
  test_memory_beyond_the_device_is_out_of_memory();
  test_the_callers_device_stays_current();
  return lpreg::test::finish();
}
