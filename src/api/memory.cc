#include <algorithm>
#include <fstream>
#include <string>

#include "api/impl.h"

namespace hearth {

std::uint64_t available_memory() {
  std::uint64_t available = 0;
  std::ifstream meminfo("/proc/meminfo");
  std::string key, unit;
  for (std::uint64_t kib = 0; meminfo >> key >> kib; std::getline(meminfo, unit))
    if (key == "MemAvailable:") available = kib << 10;
  // A container may have less than the machine.
  std::uint64_t limit = 0, used = 0;
  std::ifstream max("/sys/fs/cgroup/memory.max"), current("/sys/fs/cgroup/memory.current");
  if (max >> limit && current >> used)
    available = std::min(available, limit > used ? limit - used : 0);
  return available;
}

}  // namespace hearth
