#include "tasks/pictures.h"

#include <charconv>
#include <future>

#include "base/hash.h"
#include "media/image.h"

namespace hearth {

// ---- cache ----

Features FeatureCache::find(const std::string& key) {
  auto it = index_.find(key);
  if (it == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, it->second);
  return entries_.front().features;
}

void FeatureCache::insert(const std::string& key, Features features) {
  if (index_.contains(key)) return;
  bytes_ += features->size() * sizeof(float);
  entries_.push_front({key, std::move(features)});
  index_[key] = entries_.begin();
  while (bytes_ > limit_ && entries_.size() > 1) {
    bytes_ -= entries_.back().features->size() * sizeof(float);
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

// ---- pictures ----

std::uint64_t Picture::cell_feature(std::size_t tile, int row) const {
  std::uint64_t hash = 0;  // the key starts with hex digits of a SHA-256
  std::from_chars(tiles[tile].key.data(), tiles[tile].key.data() + 16, hash, 16);
  return (hash ^ static_cast<std::uint64_t>(row) * 0x9e3779b97f4a7c15u) | 1;
}

namespace {

std::string tile_key(const Image& tile, const VisionPreprocess& p) {
  std::string key = sha256_hex(std::as_bytes(std::span(tile.rgb)));
  if (p.mode != PreprocessMode::hf_pil) key = sha256_hex(std::as_bytes(std::span(key)));
  return key;
}

Result<TiledImage> read_and_cut(const PictureSource& source, const VisionPreprocess& preprocess) {
  Result<Image> image = source.path.empty()
                            ? decode_image(std::as_bytes(std::span(source.bytes)), "picture")
                            : load_image(source.path);
  if (!image) return image.error();
  return tile_image(*image, preprocess);
}

}  // namespace

Result<std::vector<std::shared_ptr<const Picture>>> encode_pictures(
    Ops& ops, const VisionModel& vision, const std::vector<PictureSource>& sources,
    const VisionPreprocess& preprocess, FeatureCache& cache, const TileProgress& progress) {
  std::vector<std::shared_ptr<const Picture>> pictures;
  const int size = vision.shape().tile;
  auto start = [&](std::size_t i) {
    return std::async(std::launch::async, [&, i] { return read_and_cut(sources[i], preprocess); });
  };
  std::future<Result<TiledImage>> next;
  if (!sources.empty()) next = start(0);
  int done = 0, total = 0;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    HEARTH_TRY(TiledImage cut, next.get());
    if (i + 1 < sources.size()) next = start(i + 1);
    auto picture = std::make_shared<Picture>();
    picture->plan = cut.plan;
    total += static_cast<int>(cut.tiles.size());
    std::vector<float> pixels(std::size_t{3} * static_cast<std::size_t>(size) *
                              static_cast<std::size_t>(size));
    for (const Image& tile : cut.tiles) {
      if (progress) progress(done++, total);
      Picture::Tile entry{tile_key(tile, preprocess), nullptr};
      entry.features = cache.find(entry.key);
      if (!entry.features) {
        normalise(tile, preprocess, pixels.data());
        auto encoded = vision.encode(ops, pixels);
        if (!encoded) {
          if (next.valid()) next.wait();
          return encoded.error();
        }
        entry.features = std::make_shared<const std::vector<float>>(*std::move(encoded));
        cache.insert(entry.key, entry.features);
      }
      picture->tiles.push_back(std::move(entry));
    }
    pictures.push_back(std::move(picture));
  }
  if (progress) progress(done, total);
  return pictures;
}

}  // namespace hearth
