// Other processes that want the cores, for measuring how well one shares.
#pragma once

#include <sys/types.h>

#include <vector>

namespace hearth::cli {

/// `count` processes that count as fast as they can, until this object goes or its process ends.
class BusyProcesses {
 public:
  explicit BusyProcesses(int count);
  ~BusyProcesses();
  BusyProcesses(const BusyProcesses&) = delete;
  BusyProcesses& operator=(const BusyProcesses&) = delete;
  int count() const { return static_cast<int>(children_.size()); }

 private:
  std::vector<pid_t> children_;
};

}  // namespace hearth::cli
