// Checkpoint → GGUF, as llama.cpp reads it (spec §4.2–4.4): a text file and, for models that see,
// mmproj-<name> beside it. Tensors are converted while they are written, one at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "formats/gguf_writer.h"
#include "models/checkpoint.h"

namespace hearth {

struct ExportOptions {
  /// Of matrices: f32, f16, bf16, q8_0, q4_0. Vectors, patches and positions are f32 always; a row
  /// that does not divide into blocks is f16; q4_0 keeps the output matrix and the tower in q8_0.
  DType type = DType::q8_0;
  /// Bytes written so far and in all; false stops (`cancelled`).
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress;
};

/// Writes `out` and, with a vision half, mmproj-<file name of out>; existing files are replaced.
/// Both appear or none. Returns the paths. Errors: a model that would not load, a tokenizer that
/// GGUF cannot express, what the disk says.
Result<std::vector<std::filesystem::path>> export_gguf(const ModelFiles& files,
                                                       const std::filesystem::path& out,
                                                       const ExportOptions& options);

/// The `tokenizer.ggml.*` entries for a tokenizer.json, `vocab` tokens long: missing ids become
/// unused tokens, ids beyond are dropped. Errors: a kind that GGUF has no words for.
Status export_tokenizer(const ModelFiles& files, std::size_t vocab, gguf::Writer& out);

}  // namespace hearth
