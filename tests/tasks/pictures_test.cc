#include "tasks/pictures.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "support/data.h"
#include "support/model.h"

namespace hearth {
namespace {

/// A tower that counts its work; a feature row is the mean of the tile's pixels.
class CountingVision final : public VisionModel {
 public:
  CountingVision() {
    shape_.tile = 32;
    shape_.tokens_per_tile = 2;
    shape_.width = 4;
    shape_.preprocess.longest_edge = 128;
    shape_.preprocess.tile = 32;
  }
  const VisionShape& shape() const override { return shape_; }
  Result<std::vector<float>> encode(Ops&, std::span<const float> pixels) const override {
    ++encoded;
    float sum = 0;
    for (float p : pixels) sum += p;
    return std::vector<float>(8, sum / static_cast<float>(pixels.size()));
  }
  std::string prompt(const TilePlan&) const override { return ""; }

  mutable int encoded = 0;

 private:
  VisionShape shape_;
};

/// An uncompressed BMP: white, with one black pixel where asked.
std::string bmp(int side, bool mark) {
  std::string file(54, '\0');
  auto put = [&](std::size_t at, std::uint32_t v) {
    for (int i = 0; i < 4; ++i)
      file[at + static_cast<std::size_t>(i)] = static_cast<char>(v >> 8 * i);
  };
  file[0] = 'B', file[1] = 'M';
  put(2, static_cast<std::uint32_t>(54 + side * side * 3));
  put(10, 54), put(14, 40), put(18, static_cast<std::uint32_t>(side)),
      put(22, static_cast<std::uint32_t>(side));
  file[26] = 1, file[28] = 24;
  std::string pixels(static_cast<std::size_t>(side * side * 3), '\xff');
  if (mark) pixels[0] = pixels[1] = pixels[2] = 0;
  return file + pixels;
}

TEST(Pictures, IdenticalTilesAreEncodedOnceAndNothingTwice) {
  ThreadPool pool(1);
  CpuOps ops(kernels::reference_kernels(), pool);
  CountingVision vision;
  FeatureCache cache;
  auto encode = [&](const std::string& file) {
    return *encode_pictures(ops, vision, {{"", file}}, vision.shape().preprocess, cache);
  };
  auto white = encode(bmp(128, false));
  EXPECT_EQ(white[0]->tiles.size(), 17u);  // 4×4 and the global view, all white
  EXPECT_EQ(vision.encoded, 1);
  EXPECT_EQ(white[0]->cell_feature(0, 1), white[0]->cell_feature(5, 1));
  EXPECT_NE(white[0]->cell_feature(0, 0), white[0]->cell_feature(0, 1));
  auto marked = encode(bmp(128, true));
  EXPECT_EQ(vision.encoded, 3);  // the tile with the mark, and the global view
  encode(bmp(128, true));
  EXPECT_EQ(vision.encoded, 3);
  EXPECT_EQ(marked[0]->tiles[0].features->at(0), 1.0f);
}

TEST(Pictures, SeveralPicturesKeepTheirOrderAndAnErrorNamesItsPicture) {
  ThreadPool pool(1);
  CpuOps ops(kernels::reference_kernels(), pool);
  CountingVision vision;
  FeatureCache cache;
  int last_done = -1, last_total = 0;
  auto two = encode_pictures(ops, vision, {{"", bmp(128, true)}, {"", bmp(64, false)}},
                             vision.shape().preprocess, cache, [&](int done, int total) {
                               EXPECT_GT(done, last_done);
                               last_done = done, last_total = total;
                             });
  ASSERT_TRUE(two);
  EXPECT_EQ((*two)[0]->tiles.size(), 17u);
  EXPECT_EQ(last_done, last_total);
  auto broken = encode_pictures(ops, vision, {{"", bmp(64, false)}, {"/no/such.png", ""}},
                                vision.shape().preprocess, cache);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("/no/such.png"), std::string::npos);
}

TEST(FeatureCache, IsBoundedAndForgetsTheLeastRecentlyUsed) {
  FeatureCache cache(3 * 100 * sizeof(float));
  auto make = [] { return std::make_shared<const std::vector<float>>(100); };
  for (const char* key : {"a", "b", "c"}) cache.insert(key, make());
  EXPECT_TRUE(cache.find("a"));
  cache.insert("d", make());
  EXPECT_FALSE(cache.find("b"));
  EXPECT_TRUE(cache.find("a") && cache.find("c") && cache.find("d"));
  EXPECT_LE(cache.bytes(), 3 * 100 * sizeof(float));
}

}  // namespace
}  // namespace hearth
