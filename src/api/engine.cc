#include "hearth/engine.h"

#include "api/impl.h"

namespace hearth {

Result<Engine> Engine::create(const EngineOptions& options) {
  return guarded([&]() -> Result<Engine> {
    if (options.threads < 0 || options.threads > 1024)
      return bad_input("threads: expected 0 to 1024, found " + std::to_string(options.threads));
    auto impl = std::make_shared<Impl>();
    impl->options = options;
    impl->kernels = kernels::find_kernels(options.isa.c_str());
    if (!impl->kernels) {
      std::string available;
      for (const kernels::KernelTable* table : kernels::available_kernels())
        available += std::string(available.empty() ? "" : ", ") + table->isa;
      return bad_input("isa: expected one of " + available + ", found \"" + options.isa + "\"");
    }
    int threads = options.threads > 0 ? options.threads : default_threads();
    impl->pool = std::make_unique<ThreadPool>(threads);
    Engine engine;
    engine.impl_ = std::move(impl);
    return engine;
  });
}

int Engine::threads() const { return impl_->pool->threads(); }
std::string Engine::isa() const { return impl_->kernels->isa; }

std::string version() { return HEARTH_VERSION; }

}  // namespace hearth
