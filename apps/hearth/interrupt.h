// Ctrl-C: stops the answer that is being made; when there is none, the program.
#pragma once

#include <atomic>

namespace hearth::cli {

/// Catches SIGINT from now on: exit 130 where nothing is being answered.
void catch_interrupts();
/// In a chat Ctrl-C never ends the program by the first press or the second.
void chat_catches_interrupts();
/// Whether Ctrl-C was pressed in a chat outside an answer since this was last asked.
bool chat_interrupted();

/// While one lives, the first Ctrl-C raises `cancel()`; one more (in a chat: two more) exits 130.
class Answering {
 public:
  Answering();
  ~Answering();
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;

  const std::atomic<bool>* cancel() const;
};

}  // namespace hearth::cli
