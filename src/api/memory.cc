#include <algorithm>
#include <fstream>
#include <string>

#include "hearth/engine.h"

namespace hearth {
namespace {

std::uint64_t number_in(const std::string& path) {
  std::uint64_t value = 0;
  std::ifstream(path) >> value;
  return value;
}

/// The value of a "name value" line; 0 where there is none.
std::uint64_t value_of(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  std::string key, rest;
  for (std::uint64_t value = 0; file >> key >> value; std::getline(file, rest))
    if (key == name) return value;
  return 0;
}

}  // namespace

std::uint64_t available_memory() {
  std::uint64_t available = value_of("/proc/meminfo", "MemAvailable:") << 10;
  // A control group (v2) or one above it may allow less than the machine has. File pages that
  // nobody used lately are given back on demand, so they count as free.
  std::string line;
  std::ifstream own("/proc/self/cgroup");
  std::getline(own, line);
  std::string group = line.starts_with("0::/") ? line.substr(3) : "/";
  for (int depth = 0; depth < 64; ++depth) {
    const std::string folder = "/sys/fs/cgroup" + (group == "/" ? "" : group);
    if (const std::uint64_t limit = number_in(folder + "/memory.max"); limit > 0) {
      const std::uint64_t used = number_in(folder + "/memory.current");
      const std::uint64_t file = value_of(folder + "/memory.stat", "inactive_file");
      const std::uint64_t held = used > file ? used - file : 0;
      available = std::min(available, limit > held ? limit - held : 1);
    }
    if (group == "/") break;
    const auto slash = group.rfind('/');
    group = slash == 0 || slash == group.npos ? "/" : group.substr(0, slash);
  }
  return available;
}

}  // namespace hearth
