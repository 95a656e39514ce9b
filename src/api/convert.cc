#include "hearth/convert.h"

#include <filesystem>

#include "api/impl.h"
#include "base/files.h"
#include "models/export.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

Result<DType> type_from(const std::string& name) {
  for (const char* known : {"q8_0", "q4_0", "f16", "bf16", "f32"})
    if (name == known) return *dtype_from_name(name);
  return bad_input("--type: expected q8_0, q4_0, f16, bf16 or f32, found \"" + name + "\"");
}

Status check_paths(const std::string& directory, const std::string& out) {
  HEARTH_TRY(const PathKind source, path_kind(directory));
  if (source == PathKind::none) return bad_input(directory + ": no such directory");
  if (source != PathKind::directory)
    return bad_input(directory + ": expected a Hugging Face model directory, found a file");
  if (fs::path(out).extension() != ".gguf")
    return bad_input(out + ": expected a name that ends in .gguf");
  if (fs::path(out).filename().string().starts_with("mmproj"))
    return bad_input(out + ": names that begin with mmproj are for vision halves");
  HEARTH_TRY(const PathKind target, path_kind(out));
  if (target == PathKind::directory) return bad_input(out + ": is a directory");
  return {};
}

}  // namespace

Result<Converted> convert_model(const std::string& directory, const std::string& out,
                                const ConvertOptions& options) {
  return guarded([&]() -> Result<Converted> {
    HEARTH_TRY(const DType type, type_from(options.type));
    HEARTH_TRY_STATUS(check_paths(directory, out));
    HEARTH_TRY(const ModelFiles files, open_model_files(directory));
    auto progress = [&](std::uint64_t done, std::uint64_t total) {
      if (options.progress)
        options.progress({"converting", static_cast<double>(done), static_cast<double>(total)});
      return !options.cancel || !*options.cancel;
    };
    HEARTH_TRY(const auto paths, export_gguf(files, out, {type, progress}));
    Converted converted;
    for (const fs::path& path : paths) {
      std::error_code unknown;
      converted.files.push_back(path.string());
      converted.bytes += fs::file_size(path, unknown);
    }
    return converted;
  });
}

}  // namespace hearth
