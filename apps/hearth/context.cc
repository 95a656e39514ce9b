#include "hearth/context.h"

#include <cstdlib>

namespace hearth::cli {

Result<Engine> Context::make_engine(int threads) {
  const char* isa = std::getenv("HEARTH_ISA");
  EngineOptions options;
  options.threads = threads;
  options.isa = isa ? isa : "";
  options.log = [this](LogLevel level, std::string_view text) {
    if (level == LogLevel::warning) console.note(text);
  };
  return Engine::create(options);
}

}  // namespace hearth::cli
