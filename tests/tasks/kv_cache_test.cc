#include "tasks/kv_cache.h"

#include <gtest/gtest.h>

#include "support/model.h"

namespace hearth {
namespace {

TEST(KvCache, SharesThePrefixAndTellsPicturesApart) {
  ThreadPool pool(1);
  CpuOps ops(kernels::reference_kernels(), pool);
  KvCache cache(ops, {KvType::f16, 1, 1, 8}, 200);
  std::vector<Cell> cells = {{5, 0}, {6, 0}, {7, 111}, {7, 222}, {8, 0}};
  RowsSpec rows = cache.append(cells);
  EXPECT_EQ(rows.positions, (std::vector<std::int32_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(rows.pages[0].size(), 1u);
  EXPECT_EQ(cache.shared_prefix(cells), 5);
  auto other_picture = cells;
  other_picture[3].feature = 333;
  EXPECT_EQ(cache.shared_prefix(other_picture), 3);
  EXPECT_EQ(cache.shared_prefix(std::span(cells).first(2)), 2);
  cache.truncate(3);
  EXPECT_EQ(cache.used(), 3);
  std::vector<Cell> many(100, Cell{1, 0});
  rows = cache.append(many);
  EXPECT_EQ(rows.positions.front(), 3);
  EXPECT_EQ(rows.pages[0].size(), 2u);  // 103 positions
}

}  // namespace
}  // namespace hearth
