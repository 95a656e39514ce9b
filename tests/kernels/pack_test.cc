// Packing keeps every code and scale of the file, in the documented places, at the file's size.
#include "kernels/pack.h"

#include "kernels/panel_layout.h"
#include "kernels/quant_support.h"
#include "kernels/reference_quant.h"

namespace hearth::kernels::test {
namespace {

/// Value (i, lane) of an unpacked block, in dequantise_row's order of evaluation.
float value_of(const PanelBlock& b, int i, int lane) {
  const int half = i / 16;
  const float scale = b.scale[lane] * static_cast<float>(b.sub[half][lane]);
  return scale * static_cast<float>(b.code[i][lane]) + b.min[half][lane];
}

TEST(Pack, UnpacksToTheFilesValues) {
  for (DType type : quantised_types()) {
    for (std::int64_t blocks : {1, 2, 3, 8, 9, 18}) {
      const std::int64_t k = whole_blocks(type, 32 * blocks);
      SCOPED_TRACE(std::string(name_of(type)) + " k=" + std::to_string(k));
      const FileWeight file(type, 16, k, 7 + static_cast<std::uint64_t>(k));
      const PackedWeight packed(file);
      for (int lane = 0; lane < kPanelRows; ++lane) {
        const std::vector<float> expected = file.values(lane);
        for (std::int64_t b = 0; b < k / kBlock; ++b) {
          PanelBlock block;
          unpack_block(type, (*packed).data, k, b, block);
          for (int i = 0; i < kBlock; ++i)
            ASSERT_EQ(value_of(block, i, lane), expected[static_cast<std::size_t>(32 * b + i)])
                << "lane " << lane << " value " << 32 * b + i;
        }
      }
    }
  }
}

TEST(Pack, MissingRowsAreZero) {
  for (DType type : quantised_types()) {
    SCOPED_TRACE(name_of(type));
    const FileWeight file(type, 3, 256, 5);
    const PackedWeight packed(file);
    PanelBlock block;
    unpack_block(type, (*packed).data, 256, 1, block);
    for (int lane = 3; lane < kPanelRows; ++lane)
      for (int i = 0; i < kBlock; ++i) ASSERT_EQ(value_of(block, i, lane), 0);
  }
}

TEST(Pack, PlainTypesLieValueByValue) {
  for (DType type : {DType::f32, DType::f16, DType::bf16}) {
    SCOPED_TRACE(name_of(type));
    const std::int64_t k = 37;
    const std::size_t size = dtype_info(type).block_bytes;
    std::vector<std::byte> file(16 * row_bytes(type, k));
    for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::byte>(i * 151 >> 3);
    const std::byte* rows[kPanelRows];
    for (std::size_t i = 0; i < 16; ++i) rows[i] = file.data() + i * row_bytes(type, k);
    rows[5] = nullptr;
    std::vector<std::byte> panel(panel_bytes(type, k), std::byte{0xff});
    pack_panel(type, rows, k, panel.data());
    for (std::size_t lane = 0; lane < 16; ++lane)
      for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i)
        for (std::size_t byte = 0; byte < size; ++byte)
          ASSERT_EQ(panel[(16 * i + lane) * size + byte],
                    lane == 5 ? std::byte{0} : rows[lane][i * size + byte]);
  }
}

TEST(Pack, VectorsAreAlignedAndPanelsAsSmallAsTheFile) {
  for (DType type : quantised_types()) {
    SCOPED_TRACE(name_of(type));
    const PanelLayout layout = panel_layout(type);
    for (int blocks = 1; blocks <= kGroupBlocks; ++blocks) {
      const GroupOffsets at(layout, blocks);
      EXPECT_EQ(at.blocks % 64, 0);
      EXPECT_EQ(at.end % 64, 0);
    }
    for (std::int64_t k : {256, 576 / 256 * 256, 2048, 4096})
      EXPECT_LE(static_cast<double>(panel_bytes(type, k)),
                1.06 * 16 * static_cast<double>(row_bytes(type, static_cast<std::size_t>(k))));
  }
}

TEST(Pack, ShortRowsCountAsWholeBlocks) {
  EXPECT_EQ(panel_bytes(DType::q8_0, 4304), panel_bytes(DType::q8_0, 4320));
}

}  // namespace
}  // namespace hearth::kernels::test
