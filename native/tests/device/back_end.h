// A context with memory of its kind, so that a test makes the same calls on the CPU and on the emulated
// device.
#pragma once

#include <cstring>
#include <initializer_list>
#include <vector>

#include "../check.h"
#include "emulation/config.h"
#include "include/lpreg.h"

namespace lpreg::test {

class BackEnd {
 public:
  explicit BackEnd(lpreg_backend backend, int32_t device = 0)
      : api(*lpreg_get_api(LPREG_ABI_VERSION)), backend_(backend), device_(device) {
    error.struct_size = sizeof error;
    const lpreg_context_options options{sizeof options, backend, 2, device, 0};
    CHECK(api.context_create(&options, &context, &error) == LPREG_OK);
  }
  ~BackEnd() {
    for (void* block : blocks_) api.device_release(device_, block, nullptr);
    api.context_destroy(context);
  }
  BackEnd(const BackEnd&) = delete;
  BackEnd& operator=(const BackEnd&) = delete;

  bool on_device() const { return backend_ == LPREG_BACKEND_CUDA; }

  // Memory for `count` elements, NULL for none; lives as long as this object.
  template <class T>
  T* reserve(size_t count) {
    if (count == 0) return nullptr;
    if (backend_ == LPREG_BACKEND_CPU) {
      host_.emplace_back(count * sizeof(T) / sizeof(double) + 1);
      return reinterpret_cast<T*>(host_.back().data());
    }
    void* memory = nullptr;
    CHECK(api.device_allocate(device_, count * sizeof(T), &memory, &error) == LPREG_OK);
    blocks_.push_back(memory);
    return static_cast<T*>(memory);
  }

  template <class T>
  void write(T* target, const T* values, size_t count) {
    if (count == 0) return;
    if (backend_ == LPREG_BACKEND_CPU) {
      std::memcpy(target, values, count * sizeof(T));
      return;
    }
    CHECK(api.device_upload(device_, target, values, count * sizeof(T), nullptr, 1, &error) == LPREG_OK);
  }

  template <class T>
  T* put(const std::vector<T>& values) {
    T* memory = reserve<T>(values.size());
    write(memory, values.data(), values.size());
    return memory;
  }

  template <class T>
  std::vector<T> get(const T* memory, size_t count) {
    std::vector<T> values(count);
    if (count == 0) return values;
    if (backend_ == LPREG_BACKEND_CPU) {
      std::memcpy(values.data(), memory, count * sizeof(T));
    } else {
      CHECK(api.device_download(device_, values.data(), memory, count * sizeof(T), nullptr, 1, &error) ==
            LPREG_OK);
    }
    return values;
  }

  bool started(lpreg_status status) {
    if (CHECK(status == LPREG_OK)) return true;
    std::printf("  status %d: %s %s (index %lld)\n", status, error.argument, error.message,
                static_cast<long long>(error.index));
    return false;
  }
  lpreg_status finish() { return api.context_synchronize(context, nullptr, &error); }

  const lpreg_api& api;
  lpreg_context* context = nullptr;
  lpreg_error error{};

 private:
  lpreg_backend backend_;
  int32_t device_;
  std::vector<std::vector<double>> host_;
  std::vector<void*> blocks_;
};

// Runs a test under each schedule that the command line names, or under its own. A race detector needs
// schedules with few threads at once.
template <class Body>
void under_each_schedule(int argc, char** argv, std::initializer_list<const char*> own, const Body& body) {
  const auto run = [&body](const char* schedule) {
    CHECK(emulation::configure(schedule));
    body();
  };
  for (int i = 1; i < argc; ++i) run(argv[i]);
  if (argc > 1) return;
  for (const char* schedule : own) run(schedule);
}

// abs 2e-6 + rel 1e-6, infinities and NaN equal.
inline void check_value(double actual, double expected, const char* what, double rounding = 0) {
  const double allowed = std::isfinite(expected) ? 2e-6 + (1e-6 + rounding) * std::fabs(expected) : 0;
  check_near(actual, expected, allowed, what, __FILE__, __LINE__);
}

inline void check_state(const lpreg_row_state& actual, const lpreg_row_state& expected) {
  CHECK(actual.flags == expected.flags && actual.keep_count == expected.keep_count);
  CHECK(actual.max == expected.max);
  check_value(actual.log_sum_exp, expected.log_sum_exp, "log_sum_exp");
  check_value(actual.action_offset, expected.action_offset, "action_offset");
  check_value(actual.log_prob, expected.log_prob, "log_prob");
  check_value(actual.entropy, expected.entropy, "entropy");
  check_value(actual.log_kept_mass, expected.log_kept_mass, "log_kept_mass");
  check_value(actual.proxy_log_prob, expected.proxy_log_prob, "proxy_log_prob");
  check_value(actual.kl, expected.kl, "kl");
}

}  // namespace lpreg::test
