#include "storage.h"

#include <cstring>

namespace lpreg_addon {

const uint8_t* Storage::small_input(const ArrayView& view) {
  inputs_.push_back({view.argument, view.data, view.bytes()});
  return is_job_ || view.shared ? copy(view.data, view.bytes()) : view.data;
}

uint8_t* Storage::large_input(const ArrayView& view, size_t bytes) {
  inputs_.push_back({view.argument, view.data, bytes});
  return can_write(view) ? in_use(view) : copy(view.data, bytes);
}

uint8_t* Storage::in_use(const ArrayView& view) {
  if (is_job_) references_.push_back(Napi::Persistent(view.array.As<Napi::Object>()));
  return view.data;
}

uint8_t* Storage::allocate(size_t bytes) {
  // One byte at least, so that an empty array is not mistaken for an absent one.
  allocations_.push_back(std::unique_ptr<uint8_t[]>(new uint8_t[bytes + 1]));
  return allocations_.back().get();
}

uint8_t* Storage::copy(const uint8_t* data, size_t bytes) {
  uint8_t* target = allocate(bytes);
  if (bytes > 0) std::memcpy(target, data, bytes);
  return target;
}

bool Storage::is_in_place(const ArrayView& output, size_t bytes) const {
  const auto begin = reinterpret_cast<uintptr_t>(output.data);
  bool in_place = false;
  for (const Input& input : inputs_) {
    const auto input_begin = reinterpret_cast<uintptr_t>(input.begin);
    if (bytes == 0 || input.bytes == 0) continue;
    if (begin >= input_begin + input.bytes || input_begin >= begin + bytes) continue;
    // Whether the layouts agree too is for the library to say.
    in_place = begin == input_begin && std::strcmp(input.argument, "logits") == 0;
    if (in_place) continue;
    throw Failure{LPREG_ERR_ALIAS, output.argument, std::string("shares memory with ") + input.argument};
  }
  return in_place;
}

}  // namespace lpreg_addon
