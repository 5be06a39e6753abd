#include "capture.h"

#include "launch.h"

namespace lpreg::emulation {
namespace {

constexpr int kErrorCaptureUnsupported = 900;

bool capturing = false;
void* captured_stream = nullptr;
Capture current;

}  // namespace

void begin_capture(void* stream) {
  capturing = true;
  captured_stream = stream;
  current = Capture();
}

Capture end_capture() {
  capturing = false;
  return std::move(current);
}

int replay(const Capture& capture, void* stream) {
  for (const auto& run : capture.work) {
    if (const int error = enqueue(stream, run)) return error;
  }
  return 0;
}

int refuse_in_capture(const char* call) {
  if (!capturing) return 0;
  current.forbidden.emplace_back(call);
  return kErrorCaptureUnsupported;
}

bool taken_by_capture(void* stream, const std::function<void()>& run, int* error) {
  *error = 0;
  if (!capturing) return false;
  if (stream == captured_stream) {
    current.work.push_back(run);
  } else {
    *error = refuse_in_capture("work on another stream");
  }
  return true;
}

}  // namespace lpreg::emulation
