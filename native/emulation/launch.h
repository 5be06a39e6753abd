// Launches and streams. A launch is queued on its stream; a stream runs its queue at once, or with `lazy`
// when the host waits for it.
#pragma once

#include <cstring>
#include <functional>
#include <tuple>
#include <vector>

#include "../cuda/launch_shape.h"
#include "execution.h"

namespace lpreg::emulation {

constexpr int kErrorInvalidValue = 1, kErrorMemoryAllocation = 2, kErrorInvalidConfiguration = 9,
              kErrorInvalidFunction = 98, kErrorNoDevice = 100, kErrorInvalidDevice = 101,
              kErrorInvalidHandle = 400, kErrorLaunchFailure = 719;

// The report of the last grid that did something wrong since configure(); later work is refused until
// clear_failure().
const Report& failed_grid();
void clear_failure();

// A translation of the kernel's PTX that runs in its place, called with the kernel's parameters laid out as
// PTX does.
using TranslatedKernel = void (*)(const char* parameters);
struct Translation {
  const void* kernel;
  TranslatedKernel translated;
};
void use_translations(const std::vector<Translation>& translations);
TranslatedKernel translation_of(const void* kernel);
bool translations_in_use();  // then every kernel must have one

// 0 or an error. `run` keeps all it needs by value.
int enqueue(void* stream, std::function<void()> run);
int enqueue_grid(void* stream, const cuda::LaunchShape& shape, std::function<void()> kernel);
int run_queued();  // all streams; 0 or the sticky error

template <class T>
void append_parameter(std::vector<char>* bytes, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>, "a kernel's parameters are plain data");
  bytes->resize((bytes->size() + alignof(T) - 1) / alignof(T) * alignof(T));
  const size_t offset = bytes->size();
  bytes->resize(offset + sizeof(T));
  std::memcpy(bytes->data() + offset, &value, sizeof(T));
}

template <class Kernel, class Tuple>
int launch_kernel(Kernel kernel, const cuda::LaunchShape& shape, void* stream, const Tuple& parameters) {
  const TranslatedKernel translated = translation_of(reinterpret_cast<const void*>(kernel));
  if (translated == nullptr && translations_in_use()) return kErrorInvalidFunction;
  if (translated == nullptr) {
    return enqueue_grid(stream, shape, [kernel, parameters] { std::apply(kernel, parameters); });
  }
  std::vector<char> bytes;
  std::apply([&](const auto&... values) { (append_parameter(&bytes, values), ...); }, parameters);
  return enqueue_grid(stream, shape, [translated, bytes] { translated(bytes.data()); });
}

}  // namespace lpreg::emulation
