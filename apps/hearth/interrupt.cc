#include "hearth/interrupt.h"

#include <unistd.h>

#include <csignal>

#include "hearth/console.h"

namespace hearth::cli {
namespace {

// A signal handler reaches only globals. All are lock-free atomics.
std::atomic<bool> g_answering{false}, g_cancel{false}, g_chat{false}, g_interrupted{false};
std::atomic<int> g_presses{0};

void on_interrupt(int) {
  const int allowed = g_chat ? 3 : 2;
  if (g_answering) {
    g_cancel = true;
    if (++g_presses < allowed) return;
  } else if (g_chat) {
    g_interrupted = true;
    return;
  }
  // Leaves what stands on the line, a half answer or a bar, and starts a fresh one.
  if (::isatty(STDERR_FILENO) && ::write(STDERR_FILENO, "\n", 1) < 0) ::_exit(kFailed);
  ::_exit(kInterrupted);
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
}

void chat_catches_interrupts() { g_chat = true; }

bool chat_interrupted() { return g_interrupted.exchange(false); }

Answering::Answering() {
  g_cancel = false;
  g_presses = 0;
  g_answering = true;
}

Answering::~Answering() { g_answering = false; }

const std::atomic<bool>* Answering::cancel() const { return &g_cancel; }

}  // namespace hearth::cli
