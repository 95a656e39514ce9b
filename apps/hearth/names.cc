#include "hearth/names.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "hearth/console.h"
#include "hearth/model.h"

namespace fs = std::filesystem;

namespace hearth::cli {
namespace {

/// Edits to turn `a` into `b`: insert, delete, replace, swap two neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

/// Entries of the directory of `path`, spelt as the user would; a directory too large to list in a
/// moment is cut.
template <class Keep>
std::vector<std::string> neighbours(const fs::path& path, Keep keep) {
  std::vector<std::string> names;
  std::error_code failed;
  const fs::path parent = path.parent_path();
  int seen = 0;
  for (fs::directory_iterator it(parent.empty() ? "." : parent, failed), end;
       !failed && it != end && ++seen < 10000; it.increment(failed))
    if (keep(it->path())) names.push_back((parent / it->path().filename()).string());
  return names;
}

bool is_model_file(const fs::path& path) {
  std::error_code ignored;
  return path.extension() == ".gguf" || fs::exists(path / "config.json", ignored);
}

std::vector<std::string> near_models(const std::string& word) {
  auto names = neighbours(word, is_model_file);
  names.push_back("nano");
  return nearest(word, names);
}

bool holds_space(std::string_view word) {
  return word.find_first_of(" \t\n\r") != std::string_view::npos;
}

}  // namespace

std::vector<std::string> nearest(std::string_view word,
                                 const std::vector<std::string>& candidates) {
  const std::size_t limit = std::max<std::size_t>(2, word.size() / 3);
  std::vector<std::pair<std::size_t, std::string>> scored;
  if (word.size() > 1000) return {};
  for (const auto& name : candidates) {
    // "smol" means smol-256m.gguf too: what was begun and not finished costs one edit.
    const bool begun = word.size() >= 3 && name.starts_with(word);
    const std::size_t distance = begun ? 1 : edit_distance(word, name);
    if (distance <= limit && distance < word.size()) scored.emplace_back(distance, name);
  }
  std::sort(scored.begin(), scored.end());
  std::vector<std::string> names;
  for (const auto& [distance, name] : scored)
    if (names.size() < 3) names.push_back(name);
  return names;
}

std::string did_you_mean(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? ": did you mean " : i + 1 == names.size() ? " or " : ", ") + names[i];
  return names.empty() ? "" : text + "?";
}

bool names_model(const std::string& word) {
  if (word == "nano" || word.starts_with("synthetic:")) return true;
  std::error_code error;
  const auto status = fs::status(word, error);
  // What may not be looked at is there: loading it will say why it cannot be read.
  return fs::exists(status) || error == std::errc::permission_denied;
}

Error no_such_model(const std::string& word) {
  const auto near = near_models(word);
  return bad_input(fmt::format(
      "no model {}{}", in_quotes(word),
      near.empty() ? ": expected nano, a .gguf file or a model directory" : did_you_mean(near)));
}

Status readable_file(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    return bad_input(fmt::format("{}: expected a file, found a directory", one_line(path)));
  if (::access(path.c_str(), R_OK) == 0) return {};
  const int reason = errno;
  const auto near = nearest(path, neighbours(path, [&](const fs::path& file) {
                              return fs::is_regular_file(file, ignored);
                            }));
  return bad_input(fmt::format("{}: {}{}", in_quotes(path), std::strerror(reason),
                               reason == ENOENT ? did_you_mean(near) : ""));
}

Result<ModelAndPrompt> resolve(const std::optional<std::string>& first,
                               const std::optional<std::string>& second) {
  if (!first) return ModelAndPrompt{};
  if (names_model(*first)) return ModelAndPrompt{*first, second};
  if (second) return no_such_model(*first);
  if (holds_space(*first)) return ModelAndPrompt{"", *first};
  if (first->ends_with(".gguf") || first->find('/') != first->npos) return no_such_model(*first);
  return bad_input(fmt::format(
      "{} is neither a model nor a question (a question of one word needs a model before it: "
      "hearth run nano WORD){}",
      in_quotes(*first), did_you_mean(near_models(*first))));
}

Result<std::string> read_text_file(const std::string& path, std::size_t limit) {
  if (auto status = readable_file(path); !status) return status.error();
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char buffer[1 << 16];
  while (file.read(buffer, sizeof buffer) || file.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(file.gcount()));
    if (text.size() > limit) return bad_input(fmt::format("{}: longer than {} bytes", path, limit));
  }
  return text;
}

Status has_packed_cache() {
  if (!default_packed_cache().empty()) return {};
  return bad_input("--packed-cache: neither XDG_CACHE_HOME nor HOME names a folder");
}

Status write_text_file(const std::string& path, const std::string& text) {
  // A device or a pipe is written straight through; a file only takes the place of another whole,
  // behind a link too.
  std::error_code error;
  const auto status = fs::status(path, error);
  const bool through = fs::exists(status) && !fs::is_regular_file(status);
  const std::string real = fs::exists(status) ? fs::canonical(path, error).string() : path;
  const std::string target = through ? path : real + ".part";
  std::ofstream file(target, std::ios::binary);
  file << text;
  file.close();
  std::string why = file ? "" : std::strerror(errno);
  if (!through && why.empty()) {
    fs::rename(target, real, error);
    if (error) why = error.message();
  }
  if (why.empty()) return {};
  if (!through) fs::remove(target, error);
  return bad_input(fmt::format("{}: {}", path, why));
}

}  // namespace hearth::cli
