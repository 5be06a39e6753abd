// CPU quotas of control groups, read from a made-up file system, and the number of threads of this process.
#include "cpu/cpu_limits.h"

#include <sched.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "check.h"
#include "cpu/thread_pool.h"

using lpreg::cpu::cgroup_cpu_quota;
namespace fs = std::filesystem;

namespace {

// A directory in place of /sys/fs/cgroup.
class Groups {
 public:
  Groups() {
    std::string pattern = (fs::temp_directory_path() / "lpreg-cgroup-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  ~Groups() { fs::remove_all(root_); }
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  void write(const std::string& file, const std::string& text) const {
    const fs::path path = root_ + "/" + file;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

void v2_takes_the_tightest_group_on_the_way_up() {
  const Groups groups;
  groups.write("cpu.max", "max 100000\n");
  groups.write("a/cpu.max", "150000 100000\n");
  groups.write("a/b/cpu.max", "400000 100000\n");
  CHECK(cgroup_cpu_quota("0::/a/b\n", groups.root()) == 1.5);
  CHECK(cgroup_cpu_quota("0::/a\n", groups.root()) == 1.5);
  CHECK(!cgroup_cpu_quota("0::/\n", groups.root()));
  CHECK(!cgroup_cpu_quota("0::/other\n", groups.root()));
}

// In a container the path may name groups of the host that are not mounted.
void v2_falls_back_to_the_mount_point() {
  const Groups groups;
  groups.write("cpu.max", "50000 100000\n");
  CHECK(cgroup_cpu_quota("0::/kubepods/pod1/x\n", groups.root()) == 0.5);
}

void v1_reads_the_controller_whatever_its_mount_is_called() {
  for (const char* mount : {"cpu,cpuacct", "cpu"}) {
    const Groups groups;
    groups.write(std::string(mount) + "/docker/x/cpu.cfs_quota_us", "250000\n");
    groups.write(std::string(mount) + "/docker/x/cpu.cfs_period_us", "100000\n");
    groups.write(std::string(mount) + "/cpu.cfs_quota_us", "-1\n");
    groups.write(std::string(mount) + "/cpu.cfs_period_us", "100000\n");
    const std::string membership = "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n2:cpuset:/docker/x\n";
    CHECK(cgroup_cpu_quota(membership, groups.root()) == 2.5);
    CHECK(!cgroup_cpu_quota("4:cpu,cpuacct:/elsewhere\n", groups.root()));
    CHECK(!cgroup_cpu_quota("5:memory:/docker/x\n2:cpuset:/docker/x\n", groups.root()));
  }
}

void nonsense_is_no_quota() {
  const Groups groups;
  for (const char* text : {"", "max", "x y", "100000", "0 100000", "-5 100000", "100000 0"}) {
    groups.write("cpu.max", text);
    CHECK(!cgroup_cpu_quota("0::/\n", groups.root()));
  }
  CHECK(!cgroup_cpu_quota("", groups.root()));
  CHECK(!cgroup_cpu_quota("no colons\n:\n", groups.root()));
}

void affinity_limits_the_threads() {
  CHECK(lpreg::cpu::usable_threads() >= 1);
  cpu_set_t before;
  if (sched_getaffinity(0, sizeof before, &before) != 0) return;  // more CPUs than the set holds
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(lpreg::cpu::usable_threads() == 1);
  sched_setaffinity(0, sizeof before, &before);
  CHECK(lpreg::cpu::usable_threads() <= CPU_COUNT(&before));
}

}  // namespace

int main() {
  v2_takes_the_tightest_group_on_the_way_up();
  v2_falls_back_to_the_mount_point();
  v1_reads_the_controller_whatever_its_mount_is_called();
  nonsense_is_no_quota();
  affinity_limits_the_threads();
  return lpreg::test::finish();
}
