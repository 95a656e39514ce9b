#include "base/arena.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hearth {
namespace {

TEST(HugeArena, PiecesAreAlignedZeroApartAndOutliveIt) {
  std::vector<std::shared_ptr<std::byte>> pieces;
  const std::size_t sizes[] = {1, 64, 1000, std::size_t{40} << 20, 17, std::size_t{33} << 20};
  {
    HugeArena arena;
    for (std::size_t size : sizes) pieces.push_back(arena.allocate(size));
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::byte* data = pieces[i].get();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % 64, 0u);
    EXPECT_TRUE(std::all_of(data, data + sizes[i], [](std::byte b) { return b == std::byte{0}; }));
    std::fill_n(data, sizes[i], std::byte(i + 1));
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(pieces[i].get()[0], std::byte(i + 1));
    EXPECT_EQ(pieces[i].get()[sizes[i] - 1], std::byte(i + 1));
  }
}

TEST(Arena, AScopesMemoryIsUsedAgain) {
  Arena arena;
  std::byte* kept = arena.allocate(100);
  const Arena::Mark mark = arena.mark();
  std::byte* first = arena.allocate(5000);
  EXPECT_GE(first, kept + 100);
  arena.allocate(std::size_t{3} << 20);
  arena.release(mark);
  EXPECT_EQ(arena.allocate(5000), first);
}

}  // namespace
}  // namespace hearth
