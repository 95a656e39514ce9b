// GGUF to checkpoint: what must not get lost on the way to the models' own checks.
#include "models/checkpoint.h"

#include <gtest/gtest.h>

#include "formats/bytes.h"
#include "support/data.h"

namespace hearth {
namespace {

using namespace test;

constexpr std::uint32_t kU32 = 4, kString = 8, kArray = 9, kU64 = 10;

/// `bytes` must outlive the checkpoint.
Checkpoint read(const std::string& bytes) {
  auto file = gguf::File::parse(as_bytes(bytes), "m.gguf");
  EXPECT_TRUE(file) << file.error().message;
  auto shared = std::make_shared<const gguf::File>(*std::move(file));
  return *checkpoint_from_gguf(std::move(shared), false);
}

GgufBytes llama() { return GgufBytes().key("general.architecture", kString, str("llama")); }

TEST(Checkpoint, AnIntegerBeyondSigned64BitsIsNotTakenForAbsent) {
  const std::string bytes = llama().key("llama.block_count", kU64, u64(UINT64_MAX)).bytes();
  const Checkpoint c = read(bytes);
  EXPECT_FALSE(c.int_or("block_count", 3, 1, 1024));
}

TEST(Checkpoint, ALongArrayIsNotTakenForAbsent) {
  const std::string bytes =
      llama()
          .key("llama.block_count", kArray, u32(kU32) + u64(5000) + std::string(20000, 1))
          .bytes();
  const Checkpoint c = read(bytes);
  EXPECT_FALSE(c.int_or("block_count", 3, 1, 1024));
}

TEST(Checkpoint, TrailingDimensionsOfOneMeanNothing) {
  const std::string bytes = llama().tensor("w", {4, 1, 1, 1}).data(std::string(16, 'x')).bytes();
  const Checkpoint c = read(bytes);
  EXPECT_EQ(c.find("w")->shape, (std::vector<std::uint64_t>{1, 4}));
}

}  // namespace
}  // namespace hearth
