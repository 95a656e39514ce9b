// No untested kernel: a row added to HEARTH_KERNELS does not compile here before it names the test
// suite that covers it on every ISA, and that suite must exist.
#include <gtest/gtest.h>

#include <string>

#include "kernels/kernels.h"

namespace hearth::kernels::test {
namespace {

namespace row {
#define HEARTH_ROW(name, ...) struct name;
HEARTH_KERNELS(HEARTH_ROW)
#undef HEARTH_ROW
}  // namespace row

template <class Row>
struct TestedBy;  // specialise for your row

#define TESTED_BY(name, suite_name)                  \
  template <>                                        \
  struct TestedBy<row::name> {                       \
    static constexpr const char* suite = suite_name; \
  }

TESTED_BY(quantise_q8a, "QuantiseQ8a");
TESTED_BY(gemm_quant, "GemmQuant");
TESTED_BY(gemm_float, "Types/FloatGemm");
TESTED_BY(gemm_bf16, "Bf16Gemm");
TESTED_BY(attend, "Attend");
TESTED_BY(kv_append, "KvAppend");
TESTED_BY(rms_norm, "Norms");
TESTED_BY(layer_norm, "Norms");
TESTED_BY(softmax, "Softmax");
TESTED_BY(add, "Elementwise");
TESTED_BY(mul, "Elementwise");
TESTED_BY(scale, "Elementwise");
TESTED_BY(silu, "Elementwise");
TESTED_BY(gelu, "Elementwise");
TESTED_BY(swiglu, "Elementwise");
TESTED_BY(geglu, "Elementwise");
TESTED_BY(softcap, "Elementwise");
TESTED_BY(rope, "Rope");

bool suite_exists(const std::string& name) {
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i)
    if (name == all.GetTestSuite(i)->name()) return all.GetTestSuite(i)->total_test_count() > 0;
  return false;
}

TEST(KernelTable, EveryRowHasItsTests) {
#define HEARTH_ROW(name, ...) \
  EXPECT_TRUE(suite_exists(TestedBy<row::name>::suite)) << #name << " has no tests";
  HEARTH_KERNELS(HEARTH_ROW)
#undef HEARTH_ROW
}

TEST(KernelTable, EveryIsaHasEveryRow) {
  for (const KernelTable* table : available_kernels()) {
#define HEARTH_ROW(name, ...) EXPECT_NE(table->name, nullptr) << table->isa << " " << #name;
    HEARTH_KERNELS(HEARTH_ROW)
#undef HEARTH_ROW
  }
}

TEST(KernelTable, TheBestIsFirstAndTheReferenceLast) {
  const std::vector<const KernelTable*> tables = available_kernels();
  EXPECT_EQ(tables.back(), &reference_kernels());
  EXPECT_EQ(find_kernels(nullptr), tables.front());
  EXPECT_EQ(find_kernels(""), tables.front());
  for (const KernelTable* table : tables) EXPECT_EQ(find_kernels(table->isa), table);
  EXPECT_EQ(find_kernels("abacus"), nullptr);
}

}  // namespace
}  // namespace hearth::kernels::test
