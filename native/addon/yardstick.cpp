#include "yardstick.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "arguments.h"
#include "array_view.h"

namespace lpreg_addon {
namespace {

constexpr size_t kCacheLine = 64;

// Threads that wait for a start signal, so that starting them is not timed.
class Crew {
 public:
  ~Crew() {
    go_ = true;
    for (std::thread& member : members_) member.join();
  }

  template <class Work>
  void add(const Work& work) {
    members_.emplace_back([this, work] {
      ++waiting_;
      while (!go_) std::this_thread::yield();
      work();
      ++finished_;
    });
  }

  // Milliseconds that the members and `own_work` on this thread take side by side.
  template <class Work>
  double time(const Work& own_work) {
    while (waiting_ < members_.size()) std::this_thread::yield();
    const auto start = std::chrono::steady_clock::now();
    go_ = true;
    own_work();
    while (finished_ < members_.size()) std::this_thread::yield();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  std::vector<std::thread> members_;
  std::atomic<size_t> waiting_{0};
  std::atomic<size_t> finished_{0};
  std::atomic<bool> go_{false};
};

// `body(begin, size)` over the bytes, in as many equal shares of whole cache lines as there are threads.
template <class Body>
double time_shares(size_t bytes, size_t threads, const Body& body) {
  const size_t share = (bytes / threads + kCacheLine) / kCacheLine * kCacheLine;
  const auto work_of = [=](size_t thread) {
    const size_t begin = std::min(bytes, thread * share);
    return [=] { body(begin, std::min(share, bytes - begin)); };
  };
  Crew crew;
  for (size_t thread = 1; thread < threads; ++thread) crew.add(work_of(thread));
  return crew.time(work_of(0));
}

size_t thread_count(const Napi::Value& value) {
  return static_cast<size_t>(std::clamp(as_number(value, "threads"), 1.0, 4096.0));
}

template <class Word>
void flip_signs(Word* words, size_t count) {
  constexpr Word kSign = static_cast<Word>(Word{1} << (8 * sizeof(Word) - 1));
  for (size_t i = 0; i < count; ++i) words[i] = static_cast<Word>(words[i] ^ kSign);
}

}  // namespace

Napi::Value copy_time(const Napi::CallbackInfo& info) {
  const ArrayView target = view_array(info[0], "target");
  const ArrayView source = view_array(info[1], "source");
  if (target.bytes() != source.bytes())
    throw Failure{LPREG_ERR_SHAPE, "target", "expected the source's size"};
  const double time = time_shares(source.bytes(), thread_count(info[2]),
                                  [to = target.data, from = source.data](size_t begin, size_t size) {
                                    std::memcpy(to + begin, from + begin, size);
                                  });
  return Napi::Number::New(info.Env(), time);
}

Napi::Value negate_time(const Napi::CallbackInfo& info) {
  const ArrayView view = view_array(info[0], "data");
  require_type(view, {napi_float32_array, napi_uint16_array, kFloat16Array});
  const bool is_float32 = view.type == napi_float32_array;
  const double time = time_shares(
      view.bytes(), thread_count(info[1]), [data = view.data, is_float32](size_t begin, size_t size) {
        if (is_float32) {
          flip_signs(reinterpret_cast<uint32_t*>(data + begin), size / sizeof(uint32_t));
        } else {
          flip_signs(reinterpret_cast<uint16_t*>(data + begin), size / sizeof(uint16_t));
        }
      });
  return Napi::Number::New(info.Env(), time);
}

}  // namespace lpreg_addon
