// A directory of shards: the index says which file holds which tensor.
#include <algorithm>

#include "formats/json.h"
#include "formats/quote.h"
#include "formats/safetensors.h"

namespace hearth {
namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

/// A name that stays in its directory. (Symbolic links are the owner's business: download caches
/// are made of them; a name from a stranger's index is not.)
bool is_plain(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace

bool Safetensors::is_in(const std::filesystem::path& dir) {
  return is_there(dir / kSingle) || is_there(dir / kIndex);
}

Result<Safetensors> Safetensors::open_dir(const std::filesystem::path& dir) {
  Safetensors all;
  if (is_there(dir / kSingle)) {
    HEARTH_TRY(auto file, SafetensorsFile::open(dir / kSingle));
    for (std::string_view tensor : file.names()) all.home_.emplace(tensor, 0);
    all.files_.push_back(std::move(file));
    return all;
  }
  if (is_there(dir / kIndex)) {
    HEARTH_TRY_STATUS(all.open_shards(dir));
    return all;
  }
  return bad_input(dir.string() + ": found neither " + kSingle + " nor " + kIndex);
}

Status Safetensors::open_shards(const std::filesystem::path& dir) {
  std::string where = (dir / kIndex).string();
  HEARTH_TRY(std::string text, read_file(dir / kIndex));
  HEARTH_TRY(Json index, parse_json(text, where, 16, Duplicates::refuse));
  auto weight_map = index.find("weight_map");
  if (!index.is_object() || weight_map == index.end() || !weight_map->is_object())
    return bad_input(where + ": expected an object \"weight_map\"");

  std::map<std::string, std::size_t> shards;  // file name → its place in files_
  for (const auto& [tensor, value] : weight_map->items()) {
    if (!value.is_string() || !is_plain(value.get_ref<const std::string&>())) {
      return bad_input(
          where + ": tensor " + quote_name(tensor) +
          ": expected the plain name of a file in this directory, found " +
          quote_name(value.is_string() ? value.get<std::string>() : value.type_name()));
    }
    const auto& name = value.get_ref<const std::string&>();
    auto [shard, is_new] = shards.emplace(name, files_.size());
    if (is_new) {
      HEARTH_TRY(auto file, SafetensorsFile::open(dir / name));
      files_.push_back(std::move(file));
    }
    const SafetensorsFile& file = files_[shard->second];
    if (!file.has(tensor))
      return bad_input(file.name() + ": tensor " + quote_name(tensor) + " is missing; " + kIndex +
                       " says it is here");
    home_.emplace(tensor, shard->second);
  }
  return {};
}

std::vector<std::string_view> Safetensors::names() const {
  std::vector<std::string_view> names;
  for (const auto& [name, file] : home_) names.push_back(name);
  return names;
}

Result<const SafetensorsTensor*> Safetensors::find(std::string_view tensor) const {
  auto home = home_.find(tensor);
  if (home == home_.end()) return static_cast<const SafetensorsTensor*>(nullptr);
  return files_[home->second].find(tensor);
}

}  // namespace hearth
