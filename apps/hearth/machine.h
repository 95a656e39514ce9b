// Facts about this machine that `hearth doctor` tells.
#pragma once

#include <cstdint>
#include <string>

namespace hearth::cli {

struct Machine {
  std::string processor;           ///< "AMD EPYC …", "" unknown
  int logical_cores = 0;           ///< of the whole machine
  int physical_cores = 0;          ///< among those this process may run on
  int allowed_cores = 0;           ///< logical, by affinity
  double quota_cores = 0;          ///< cgroup CPU quota; 0: none
  std::uint64_t memory_total = 0;  ///< the cgroup's limit where that is lower
  std::uint64_t memory_free = 0;   ///< what a program could still take
  bool memory_limited = false;     ///< by a cgroup
};

Machine look_at_machine();

}  // namespace hearth::cli
