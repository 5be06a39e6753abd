// Device copies of the host arrays of one call, O(rows) in all.
#pragma once

#include <cstring>
#include <vector>

#include "staging.h"

namespace lpreg {

enum class Copied { kIn, kOut };

class HostMirror {
 public:
  // Once placed, *slot points to the device's copy of the `count` elements that it points to now. NULL and no
  // elements stay what they are.
  template <class T>
  void add(T** slot, int64_t count, Copied direction) {
    add_bytes(static_cast<void*>(slot), *slot, sizeof(T) * static_cast<size_t>(count), direction);
  }
  void add_bytes(void* slot, const void* host, size_t bytes, Copied direction);
  // Memory of the device alone.
  template <class T>
  void add_scratch(T** slot, int64_t count) {
    entries_.push_back(
        {static_cast<void*>(slot), nullptr, sizeof(T) * static_cast<size_t>(count), Copied::kIn});
  }

  void place(DeviceArena* arena, void* stream);
  // Copies what goes out to the host; complete on return.
  void fetch(void* stream) const;

 private:
  struct Entry {
    void* slot;  // holds a pointer of some type
    void* host;
    size_t bytes;
    Copied direction;
    void* device = nullptr;
  };
  std::vector<Entry> entries_;
};

}  // namespace lpreg
