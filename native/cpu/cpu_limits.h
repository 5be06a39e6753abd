// How many CPUs this process may use, as the operating system says.
#pragma once

#include <optional>
#include <string>

namespace lpreg::cpu {

// CPUs per second of the tightest CPU quota (control groups v1 and v2) on the way from the process' group to
// the root; none: no quota. `membership` is the text of /proc/self/cgroup, `root` the mount point,
// /sys/fs/cgroup.
std::optional<double> cgroup_cpu_quota(const std::string& membership, const std::string& root);

}  // namespace lpreg::cpu
