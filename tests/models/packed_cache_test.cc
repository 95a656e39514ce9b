// Packed weights in files: found again for the same model only, and never half there.
#include "models/packed_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

namespace hearth {
namespace {

namespace fs = std::filesystem;

class PackedCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("hearth-packed-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    model_ = folder_ / "model.gguf";
    std::ofstream(model_) << "weights";
  }
  void TearDown() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  fs::path cache() const { return folder_ / "cache"; }
  std::unique_ptr<PackedCache> open(const std::string& settings = "auto",
                                    std::uint64_t limit = 1 << 20) const {
    return PackedCache::open({cache(), limit}, std::span(&model_, 1), settings);
  }
  static std::vector<std::byte> panels(std::size_t bytes, int seed) {
    std::vector<std::byte> out(bytes);
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(i * 7 + seed);
    return out;
  }
  void make(const std::string& settings = "auto", std::size_t bytes = 100) const {
    auto packed = open(settings);
    packed->keep(kFirst, panels(bytes, 1));
    packed->keep(kSecond, panels(2 * bytes, 2));
    packed->finish();
    ASSERT_EQ(packed->problem(), "");
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(cache())) out.push_back(entry.path());
    return out;
  }

  static constexpr PackedKey kFirst{"a.weight", DType::q4_0, 16, 64, 0};
  static constexpr PackedKey kSecond{"b.weight", DType::q6_k, 32, 256, 99};
  fs::path folder_, model_;
};

TEST_F(PackedCacheTest, FindsWhatWasKept) {
  EXPECT_FALSE(open()->found());
  make();
  const auto again = open();
  ASSERT_TRUE(again->found());
  const auto first = again->find(kFirst, 100), second = again->find(kSecond, 200);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(std::memcmp(first.get(), panels(100, 1).data(), 100), 0);
  EXPECT_EQ(std::memcmp(second.get(), panels(200, 2).data(), 200), 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(second.get()) % 64, 0u);
  for (PackedKey key : {PackedKey{"c.weight", DType::q4_0, 16, 64, 0},
                        PackedKey{"a.weight", DType::q4_1, 16, 64, 0},
                        PackedKey{"a.weight", DType::q4_0, 17, 64, 0},
                        PackedKey{"a.weight", DType::q4_0, 16, 32, 0},
                        PackedKey{"a.weight", DType::q4_0, 16, 64, 1}})
    EXPECT_FALSE(again->find(key, 100));
  EXPECT_FALSE(again->find(kFirst, 101));
  EXPECT_EQ(files().size(), 1u);
  const auto reports = check_packed_folder(cache());
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].problem, "");
}

TEST_F(PackedCacheTest, OfThisModelAndTheseSettingsOnly) {
  make();
  EXPECT_FALSE(open("f32")->found());
  fs::last_write_time(model_, fs::last_write_time(model_) + std::chrono::seconds(1));
  EXPECT_FALSE(open()->found());
  make();
  EXPECT_TRUE(open()->found());
  std::ofstream(model_) << "other weights";
  EXPECT_FALSE(open()->found());
}

TEST_F(PackedCacheTest, WhatIsNotFinishedLeavesNothing) {
  {
    auto packed = open();
    packed->keep(kFirst, panels(100, 1));
  }
  EXPECT_TRUE(files().empty());
  open()->finish();  // nothing was kept
  EXPECT_TRUE(files().empty());
}

TEST_F(PackedCacheTest, EveryCutIsSeenAndEveryFlippedByteByTheCheck) {
  make();
  const fs::path path = files().at(0);
  std::string whole;
  {
    std::ifstream in(path, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(in), {});
  }
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(parse_packed(std::as_bytes(std::span(whole).first(length)), "cut")) << length;
  // Zeros that fill a gap and the footer's own end are covered too; only nothing is not.
  for (std::size_t at = 0; at < whole.size() - 28; ++at) {
    std::string broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ 0x10);
    std::ofstream(path, std::ios::binary) << broken;
    EXPECT_NE(check_packed_folder(cache()).at(0).problem, "") << at;
  }
  std::ofstream(path, std::ios::binary) << whole.substr(0, 50);
  EXPECT_FALSE(open()->found());
  make();  // made anew over the broken one
  EXPECT_TRUE(open()->found());
}

TEST_F(PackedCacheTest, TheOldestGoBeyondTheLimit) {
  const auto add = [&](const std::string& settings) {
    auto packed = open(settings, 3000);
    packed->keep(kFirst, panels(1000, 1));
    packed->finish();
    EXPECT_EQ(packed->problem(), "");
  };
  add("one"), add("two");
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (const auto& path : files()) fs::last_write_time(path, old);
  EXPECT_TRUE(open("one", 3000)->found());  // and so it is the youngest
  add("three");
  EXPECT_EQ(files().size(), 2u);
  EXPECT_TRUE(open("one", 3000)->found());
  EXPECT_FALSE(open("two", 3000)->found());
  EXPECT_TRUE(open("three", 3000)->found());

  auto large = open("four", 3000);
  large->keep(kFirst, panels(4000, 1));
  large->finish();
  EXPECT_NE(large->problem().find("larger than the limit"), std::string::npos);
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(PackedCacheTest, AFolderThatCannotBeMadeIsAProblemAndNoMore) {
  std::ofstream(folder_ / "cache") << "a file in its place";
  auto packed = open();
  EXPECT_NE(packed->problem(), "");
  packed->keep(kFirst, panels(100, 1));
  packed->finish();
  EXPECT_FALSE(packed->find(kFirst, 100));
}

}  // namespace
}  // namespace hearth
