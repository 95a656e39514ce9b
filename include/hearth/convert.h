// Convert: a Hugging Face directory into GGUF files, as this program and llama.cpp read them.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "hearth/model.h"
#include "hearth/result.h"

namespace hearth {

struct ConvertOptions {
  std::string type = "q8_0";  ///< of matrices: q8_0, q4_0, f16, bf16 or f32
  ProgressHook progress = {};
  const std::atomic<bool>* cancel = nullptr;  ///< set from any thread: stops, nothing is left
};

struct Converted {
  std::vector<std::string> files;  ///< `out`, and mmproj-… beside it for models that see
  std::uint64_t bytes = 0;         ///< of all files
};

/// Writes `out`, a name that ends in .gguf; files that are there are replaced. Both halves of a
/// vision model appear together or not at all. Errors (`bad_input`): no such directory, a model or
/// tokenizer that GGUF cannot hold, a wrong type, a place that cannot be written (a full disk).
Result<Converted> convert_model(const std::string& directory, const std::string& out,
                                const ConvertOptions& options = {});

}  // namespace hearth
