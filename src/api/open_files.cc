// Which model a word means.
#include <algorithm>
#include <filesystem>

#include "api/embedded_model.h"
#include "api/impl.h"
#include "base/files.h"
#include "models/registry.h"
#include "models/synthetic.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

/// Names near a mistyped one: files and directories beside it, and the embedded model.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

Error no_such_model(const std::string& path) {
  fs::path parent = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  std::string wanted = fs::path(path).filename().string();
  std::vector<std::pair<std::size_t, std::string>> near;
  near.emplace_back(edit_distance(wanted, "nano"), "nano");
  std::error_code error;
  int looked_at = 0;
  for (fs::directory_iterator it(parent, error), end; !error && it != end && looked_at < 1000;
       it.increment(error), ++looked_at) {
    std::string name = it->path().filename().string();
    bool model = name.ends_with(".gguf") || fs::exists(it->path() / "config.json", error);
    if (!model) continue;
    std::string shown = fs::path(path).has_parent_path() ? it->path().string() : name;
    near.emplace_back(edit_distance(wanted, name), shown);
  }
  std::sort(near.begin(), near.end());
  std::string names;
  for (std::size_t i = 0; i < near.size() && i < 3; ++i) names += (i ? ", " : "") + near[i].second;
  return bad_input("no model \"" + path +
                   "\": expected a .gguf file, a Hugging Face directory or "
                   "\"nano\" (the embedded one); nearest: " +
                   names);
}

Result<ModelFiles> open_files(const std::string& path, const std::string& mmproj) {
  constexpr std::string_view kSynthetic = "synthetic:";
  const bool synthetic = path.starts_with(kSynthetic), embedded = path.empty() || path == "nano";
  if ((synthetic || embedded) && !mmproj.empty())
    return bad_input(std::string("--mmproj belongs to a model file; ") +
                     (embedded ? "the embedded" : "a synthetic") + " model has its own");
  if (synthetic) return synthetic_model(path.substr(kSynthetic.size()));
  if (embedded) return open_embedded("nano", embedded_text(), embedded_vision());
  HEARTH_TRY(const PathKind kind, path_kind(path));
  if (kind != PathKind::none) return open_model_files(path, mmproj);
  return no_such_model(path);
}

}  // namespace hearth
