// Pictures of a conversation: decoded and cut on a thread of their own while earlier ones are being
// encoded; every distinct tile is encoded once and its features kept by content hash.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "models/model.h"

namespace hearth {

using Features = std::shared_ptr<const std::vector<float>>;  // [tokens per tile, hidden]

/// Features by content hash, the least recently used leaving first. Bounded by bytes.
class FeatureCache {
 public:
  explicit FeatureCache(std::size_t limit_bytes = std::size_t{256} << 20) : limit_(limit_bytes) {}
  Features find(const std::string& key);
  void insert(const std::string& key, Features features);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string key;
    Features features;
  };
  std::size_t limit_, bytes_ = 0;
  std::list<Entry> entries_;  // most recent first
  std::unordered_map<std::string, std::list<Entry>::iterator> index_;
};

/// A picture that stands in a conversation: how it was cut, and what the tower made of it.
struct Picture {
  struct Tile {
    std::string key;  ///< hash of pixels and normalisation
    Features features;
  };
  TilePlan plan{};
  std::vector<Tile> tiles;  ///< row-major, the global view last

  /// Names row `row` of tile `tile` in a Cell: equal for equal content.
  std::uint64_t cell_feature(std::size_t tile, int row) const;
};

/// A picture to be read: a path, or an encoded file's bytes.
struct PictureSource {
  std::string path, bytes;
};

/// Called before each tile is encoded: tiles done, tiles in all (of the pictures known so far).
using TileProgress = std::function<void(int done, int total)>;

/// Decodes, cuts and encodes. Errors: unreadable picture (`bad_input`), cancelled.
Result<std::vector<std::shared_ptr<const Picture>>> encode_pictures(
    Ops& ops, const VisionModel& vision, const std::vector<PictureSource>& sources,
    const VisionPreprocess& preprocess, FeatureCache& cache, const TileProgress& progress = {});

}  // namespace hearth
