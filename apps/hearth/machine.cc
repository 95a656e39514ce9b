#include "hearth/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "hearth/engine.h"

namespace hearth::cli {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The value of the first "name : value" line of a /proc file.
std::string value_of(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    const auto begin = line.find_first_not_of(" \t", colon + 1);
    return begin == line.npos ? "" : line.substr(begin);
  }
  return "";
}

/// This process's cgroup (v2), where its limits lie; inside a container that is the root.
std::string cgroup_dir() {
  const std::string mine = first_line("/proc/self/cgroup");
  const std::string root = "/sys/fs/cgroup";
  if (mine.starts_with("0::") && ::access((root + mine.substr(3) + "/cpu.max").c_str(), R_OK) == 0)
    return root + mine.substr(3);
  return root;
}

void look_at_cores(Machine& machine) {
  machine.logical_cores = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  machine.allowed_cores = CPU_COUNT(&allowed);
  std::set<std::string> cores;  // logical cores of one physical core list the same siblings
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &allowed))
      cores.insert(first_line("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                              "/topology/thread_siblings_list"));
  const bool known = !cores.contains("");
  machine.physical_cores = known ? static_cast<int>(cores.size()) : machine.allowed_cores;
}

void look_at_memory(Machine& machine, const std::string& cgroup) {
  const auto kilobytes = [](const char* name) -> std::uint64_t {
    std::istringstream text(value_of("/proc/meminfo", name));
    std::uint64_t amount = 0;
    text >> amount;
    return amount * 1024;
  };
  const auto number = [&](const char* name) -> std::uint64_t {
    std::istringstream text(first_line(cgroup + name));
    std::uint64_t amount = 0;
    text >> amount;
    return amount;
  };
  machine.memory_total = kilobytes("MemTotal");
  machine.memory_free = available_memory();
  if (const auto limit = number("/memory.max"); limit > 0 && limit < machine.memory_total) {
    machine.memory_limited = true;
    machine.memory_total = limit;
  }
}

}  // namespace

Machine look_at_machine() {
  Machine machine;
  machine.processor = value_of("/proc/cpuinfo", "model name");
  look_at_cores(machine);
  const std::string cgroup = cgroup_dir();
  std::istringstream quota(first_line(cgroup + "/cpu.max"));  // "200000 100000" or "max 100000"
  double budget = 0, period = 0;
  if (quota >> budget >> period && period > 0) machine.quota_cores = budget / period;
  look_at_memory(machine, cgroup);
  return machine;
}

}  // namespace hearth::cli
