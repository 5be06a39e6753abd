// Stream capture, as a CUDA graph is made: what a captured stream is given is kept and not run, and a call
// that CUDA forbids meanwhile fails. One capture at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace lpreg::emulation {

struct Capture {
  std::vector<std::function<void()>> work;  // in stream order
  std::vector<std::string> forbidden;       // calls that would have ended the capture
};

void begin_capture(void* stream);
Capture end_capture();
// Starts the captured work on a stream; 0 or an error. May be called again and again.
int replay(const Capture& capture, void* stream);

// For the runtime: 0, or the error of a call that must not happen under a capture.
int refuse_in_capture(const char* call);
// Whether `run` now belongs to the capture; `error` is set where it was given to another stream.
bool taken_by_capture(void* stream, const std::function<void()>& run, int* error);

}  // namespace lpreg::emulation
