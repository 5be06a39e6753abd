#include "launch.h"

#include <cstdio>
#include <deque>
#include <map>

#include "capture.h"
#include "config.h"
#include "device_memory.h"
#include "faults.h"
#include "host_resources.h"

namespace lpreg::emulation {
namespace {

// Never destroyed: a process may end while another of its threads is the device.
auto& streams = *new std::map<void*, std::deque<std::function<void()>>>;
Report failure;

// Filled before main() by translated files, hence a function's own.
std::map<const void*, TranslatedKernel>& translations() {
  static std::map<const void*, TranslatedKernel> all;
  return all;
}

void run_stream(std::deque<std::function<void()>>* queue) {
  while (!queue->empty()) {
    const std::function<void()> run = std::move(queue->front());
    queue->pop_front();
    if (lost_device() == 0) run();
  }
}

void call_kernel(const void* kernel) { (*static_cast<const std::function<void()>*>(kernel))(); }

void run_grid(const cuda::LaunchShape& shape, int device, const std::function<void()>& kernel) {
  if (const int error = kernel_fault()) return lose_device(error);
  const DeviceAccess access;
  const LaunchShape grid_shape{dim3(static_cast<unsigned>(shape.blocks)),
                               dim3(static_cast<unsigned>(shape.threads)),
                               static_cast<unsigned>(shape.cluster),
                               shape.shared_bytes,
                               shape.shared_limit,
                               device};
  const Report report = execute(grid_shape, call_kernel, &kernel);
  if (report.ok()) return;
  failure = report;
  lose_device(kErrorLaunchFailure);
  std::fprintf(stderr, "lpreg emulation: %s: %s\n", report.kind.c_str(), report.message.c_str());
}

}  // namespace

const Report& failed_grid() { return failure; }
void clear_failure() {
  failure = Report();
  lose_device(0);
}

void use_translations(const std::vector<Translation>& added) {
  for (const Translation& translation : added) translations()[translation.kernel] = translation.translated;
}

TranslatedKernel translation_of(const void* kernel) {
  const auto found = translations().find(kernel);
  return found == translations().end() ? nullptr : found->second;
}

bool translations_in_use() { return !translations().empty(); }

int run_queued() {
  const std::lock_guard<std::recursive_mutex> lock(device_mutex());
  for (auto& stream : streams) run_stream(&stream.second);
  return lost_device();
}

int enqueue(void* stream, std::function<void()> run) {
  const std::lock_guard<std::recursive_mutex> lock(device_mutex());
  if (const int error = lost_device()) return error;
  int error = 0;
  if (taken_by_capture(stream, run, &error)) return error;
  streams[stream].push_back(std::move(run));
  return config().lazy_streams ? 0 : run_queued();
}

int enqueue_grid(void* stream, const cuda::LaunchShape& shape, std::function<void()> kernel) {
  if (shape.blocks < 1 || shape.blocks > 0x7fffffff || shape.threads < 1 || shape.threads > 1024) {
    return kErrorInvalidConfiguration;
  }
  if (const int error = refusal("launch")) return error;
  const int device = current_device;
  if (device_of_stream(stream, device) != device) return kErrorInvalidHandle;
  return enqueue(stream, [shape, device, kernel = std::move(kernel)] { run_grid(shape, device, kernel); });
}

}  // namespace lpreg::emulation
