// Which model a word means, and what a mistyped one may have meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/result.h"

namespace hearth::cli {

/// The `candidates` nearest to `word`, best first, at most three; none that is far away.
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);
/// ": did you mean a, b or c?", or "" without candidates.
std::string did_you_mean(const std::vector<std::string>& names);

/// "nano", a file or directory that exists, or a synthetic model.
bool names_model(const std::string& word);
/// "no model …: did you mean …?"
Error no_such_model(const std::string& word);
/// Errors where `path` cannot be read, with the nearest names beside it.
Status readable_file(const std::string& path);
/// The whole of a file; an error also where it is longer than `limit` bytes.
Result<std::string> read_text_file(const std::string& path,
                                   std::size_t limit = std::size_t{64} << 20);
/// Whether --packed-cache has a folder to keep weights in.
Status has_packed_cache();

/// Writes a file, or removes what it wrote of it.
Status write_text_file(const std::string& path, const std::string& text);

struct ModelAndPrompt {
  std::string model;  ///< "" for the embedded one
  std::optional<std::string> prompt;
};

/// Reads `[MODEL] [PROMPT]`: a single word is a MODEL if it names one, a PROMPT for the embedded
/// model if it holds a space, else an error.
Result<ModelAndPrompt> resolve(const std::optional<std::string>& first,
                               const std::optional<std::string>& second);

}  // namespace hearth::cli
