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
  auto engine = Engine::create(options);
  if (engine || !engine.error().message.starts_with("isa:")) return engine;
  return bad_input("HEARTH_ISA" + engine.error().message.substr(3));
}

}  // namespace hearth::cli
