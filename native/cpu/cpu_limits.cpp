#include "cpu_limits.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <thread>

#include "thread_pool.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace lpreg::cpu {
namespace {

// Without streams, which would bring the tables of every locale into a library that links libstdc++
// statically.
std::string read_text(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "r"), std::fclose);
  std::string text;
  char part[512];
  size_t length = sizeof part;
  while (file && length == sizeof part) {
    length = std::fread(part, 1, sizeof part, file.get());
    text.append(part, length);
  }
  return text;
}

// Splits the part before the first separator off `text`.
std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// "max 100000" or "150000 100000"; v1 keeps the two numbers in files of their own and writes -1 for none.
std::optional<double> quota_of(const std::string& text) {
  char* rest = nullptr;
  const double quota = std::strtod(text.c_str(), &rest);
  const double period = std::strtod(rest, nullptr);
  if (!(quota > 0 && period > 0)) return std::nullopt;
  return quota / period;
}

std::optional<double> quota_in(const std::string& directory) {
  const std::string v1 =
      read_text(directory + "/cpu.cfs_quota_us") + " " + read_text(directory + "/cpu.cfs_period_us");
  const std::optional<double> v2 = quota_of(read_text(directory + "/cpu.max"));
  return v2 ? v2 : quota_of(v1);
}

void keep_smaller(std::optional<double>& smallest, std::optional<double> quota) {
  if (quota && (!smallest || *quota < *smallest)) smallest = quota;
}

// Of `group` below `mount` and of all groups above it. In a container the path may be the host's, of which
// only the mount point itself is visible.
void visit_groups(std::string group, const std::string& mount, std::optional<double>& smallest) {
  for (;;) {
    keep_smaller(smallest, quota_in(mount + group));
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return;
    group.resize(slash);
  }
}

bool names_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    if (take_until(controllers, ',') == "cpu") return true;
  }
  return false;
}

#if defined(__linux__)
// 0: unknown.
int affinity_count() {
  // The kernel refuses a mask smaller than its own, which may be larger than cpu_set_t.
  for (int cpus = CPU_SETSIZE; cpus <= 1 << 20; cpus *= 2) {
    cpu_set_t* const mask = CPU_ALLOC(static_cast<size_t>(cpus));
    if (mask == nullptr) return 0;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(cpus));
    const int count = sched_getaffinity(0, bytes, mask) == 0 ? CPU_COUNT_S(bytes, mask) : 0;
    CPU_FREE(mask);
    if (count > 0) return count;
  }
  return 0;
}
#else
int affinity_count() { return 0; }
#endif

}  // namespace

std::optional<double> cgroup_cpu_quota(const std::string& membership, const std::string& root) {
  std::optional<double> smallest;
  for (std::string_view lines = membership; !lines.empty();) {
    // hierarchy:controllers:group, with no controllers in v2
    std::string_view line = take_until(lines, '\n');
    take_until(line, ':');
    if (line.find(':') == std::string_view::npos) continue;
    const std::string controllers(take_until(line, ':'));
    const std::string group(line);
    if (controllers.empty()) {
      visit_groups(group, root, smallest);
    } else if (names_cpu(controllers)) {
      visit_groups(group, root + "/" + controllers, smallest);
      visit_groups(group, root + "/cpu", smallest);
    }
  }
  return smallest;
}

int usable_threads() {
  int threads = affinity_count();
  if (threads == 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  const std::optional<double> quota = cgroup_cpu_quota(read_text("/proc/self/cgroup"), "/sys/fs/cgroup");
  if (quota) threads = std::min(threads, static_cast<int>(std::ceil(std::min(*quota, 1e6))));
  return std::max(threads, 1);
}

}  // namespace lpreg::cpu
