// Checkpoint: one half of a model as it lies on disk (text, or vision), whatever container it came
// in. Hyper-parameters and tensors carry GGUF's names; a Hugging Face directory is translated while
// opening, so that model code reads one dialect.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "formats/gguf.h"
#include "media/tokenizer.h"
#include "media/vision_preprocess.h"

namespace hearth {

using MetaValue = std::variant<bool, std::int64_t, double, std::string, std::vector<double>,
                               std::vector<std::string>>;

/// A tensor's bytes, or the recipe for values that the file gives another way (owned).
struct StoredTensor {
  DType type = DType::f32;
  std::vector<std::uint64_t> shape;  ///< slowest first: a matrix is [n, k]
  std::span<const std::byte> data;
  bool mapped = false;  ///< the bytes are a file's: pages may be dropped once packed

  std::uint64_t elements() const;
};

class Checkpoint {
 public:
  std::string where;                                   ///< file or directory, for messages
  std::string architecture;                            ///< "llama", "clip", …
  std::map<std::string, MetaValue, std::less<>> meta;  ///< without the architecture's prefix
  std::map<std::string, StoredTensor, std::less<>> tensors;
  /// GGUF's llama stores the rows of Q and K as adjacent rotary pairs; Hugging Face as halves.
  bool interleaved_qk = false;
  std::uint64_t file_bytes = 0;
  std::vector<std::shared_ptr<const void>> keep_alive;

  // Typed getters. A wrong type or range is an error that names the key and both.
  Result<std::int64_t> require_int(std::string_view key, std::int64_t min, std::int64_t max) const;
  Result<std::int64_t> int_or(std::string_view key, std::int64_t fallback, std::int64_t min,
                              std::int64_t max) const;
  Result<double> require_float(std::string_view key) const;
  Result<double> float_or(std::string_view key, double fallback) const;
  Result<bool> bool_or(std::string_view key, bool fallback) const;
  Result<std::string> string_or(std::string_view key, std::string fallback) const;

  const StoredTensor* find(std::string_view name) const;
  bool quantised() const;  ///< any matrix is stored in a block format
  std::uint64_t parameters() const;
  /// "q8_0 ×210, f32 ×63"
  std::string weight_types() const;
};

/// Everything that a model directory or a GGUF pair holds.
struct ModelFiles {
  Checkpoint text;
  std::optional<Checkpoint> vision;
  std::string name, path, mmproj_path;
  std::string chat_template;  ///< "" where the files have none
  std::string note;           ///< why a vision half beside the file was left out; "" where none was
  std::vector<std::filesystem::path> weight_files;
  std::vector<std::span<const std::byte>> embedded;  ///< where the model is part of the program

  Result<Tokenizer> tokenizer() const;

  // What tokenizer() reads.
  std::shared_ptr<const gguf::File> gguf_tokenizer;
  std::string tokenizer_json, tokenizer_config;
};

/// Opens a .gguf (an mmproj*.gguf beside it is found by itself, `mmproj` names another) or a
/// Hugging Face directory. Errors are `bad_input`.
Result<ModelFiles> open_model_files(const std::string& path, const std::string& mmproj = "");
/// The same from memory: a text GGUF and its vision half (may be empty).
Result<ModelFiles> open_embedded(std::string name, std::span<const std::byte> text,
                                 std::span<const std::byte> vision);

// The two containers.
Result<Checkpoint> checkpoint_from_gguf(std::shared_ptr<const gguf::File> file, bool mapped);
Result<ModelFiles> open_hf_directory(const std::filesystem::path& dir);

}  // namespace hearth
