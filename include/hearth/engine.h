// Engine: threads, kernels and a log hook. Make one, load models with it. Several may live in one
// process; there is no global state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "hearth/result.h"

namespace hearth {

enum class LogLevel { debug, info, warning };

struct EngineOptions {
  int threads = 0;  ///< 0: physical cores within affinity and cgroup quota
  std::string isa;  ///< "": best of this processor; else reference, avx2, avxvnni,
                    ///< avx512, neon, i8mm
  std::function<void(LogLevel, std::string_view)> log;  ///< the library never prints by itself
};

class Engine {
 public:
  /// Errors (`bad_input`): an ISA that this build or processor lacks (the available are listed),
  /// threads outside 0…1024.
  static Result<Engine> create(const EngineOptions& options = {});

  int threads() const;
  std::string isa() const;  ///< name of the kernel table in use

  struct Impl;
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

/// Bytes of memory that this process could still take, its control groups considered; 0: unknown.
std::uint64_t available_memory();

/// "0.1.0"
std::string version();

}  // namespace hearth
