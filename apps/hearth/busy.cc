#include "hearth/busy.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hearth::cli {

BusyProcesses::BusyProcesses(int count) {
  for (int i = 0; i < count; ++i) {
    const pid_t parent = ::getpid(), child = ::fork();
    if (child < 0) return;
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // also when the parent is killed
      ::signal(SIGINT, SIG_DFL);
      if (::getppid() != parent) ::_exit(0);
      for (volatile unsigned long counter = 0;;) counter = counter + 1;
    }
    children_.push_back(child);
  }
}

BusyProcesses::~BusyProcesses() {
  for (const pid_t child : children_) ::kill(child, SIGKILL);
  for (const pid_t child : children_) ::waitpid(child, nullptr, 0);
}

}  // namespace hearth::cli
