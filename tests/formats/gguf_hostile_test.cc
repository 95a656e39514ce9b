// GGUF files made to break readers: each row of the known failures of other engines.
#include <gtest/gtest.h>

#include "formats/bytes.h"
#include "formats/gguf.h"
#include "support/data.h"

namespace hearth::gguf {
namespace {

using namespace hearth::test;

constexpr std::uint64_t kHuge[] = {
    1ull << 31, 1ull << 32, 0x7fffffffffffffff, 1ull << 63, (1ull << 63) + 1, ~0ull - 1, ~0ull};

Result<File> parse(const std::string& bytes) { return File::parse(as_bytes(bytes), "bad.gguf"); }

/// A model with one of everything, for cutting and flipping.
std::string sample() {
  return GgufBytes()
      .key("general.architecture", 8, str("llama"))
      .key("llama.block_count", 4, u32(1))
      .key("tokenizer.ggml.tokens", 9, u32(8) + u64(2) + str("a") + str("b"))
      .key("tokenizer.ggml.scores", 9, u32(6) + u64(2) + f32(0) + f32(1))
      .tensor("a.weight", {4, 2}, 0, 0)
      .tensor("b.weight", {32, 1}, 8, 32)
      .data(std::string(66, 'd'))
      .bytes();
}

TEST(GgufHostile, NotGguf) {
  EXPECT_TRUE(refuses(parse(""), {"bad.gguf", "magic", "0 left"}));
  EXPECT_TRUE(refuses(parse("GG"), {"magic"}));
  EXPECT_TRUE(refuses(parse("GGUF"), {"version", "needs 4 bytes at offset 4", "0 left"}));
  EXPECT_TRUE(refuses(parse("PK\x03\x04 and so on"), {"not a GGUF file", "\"PK\\x03\\x04\""}));
}

TEST(GgufHostile, Versions) {
  for (std::uint32_t version : {0u, 1u, 4u, 1000u, ~0u}) {
    GgufBytes b;
    b.version = version;
    EXPECT_TRUE(refuses(parse(b.bytes()), {"version " + std::to_string(version), "2 or 3"}));
  }
  GgufBytes big_endian;
  big_endian.version = 0x03000000;
  EXPECT_TRUE(refuses(parse(big_endian.bytes()), {"big-endian"}));
}

TEST(GgufHostile, EveryTruncationIsAnErrorOrLosesNothing) {
  std::string whole = sample();
  ASSERT_TRUE(loads(parse(whole)));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string cut = whole.substr(0, size);
    cut.shrink_to_fit();  // so that a sanitizer sees a read behind the end
    EXPECT_TRUE(refuses(parse(cut), {"bad.gguf"})) << size;
  }
}

TEST(GgufHostile, EveryFlippedByteIsSafe) {
  std::string whole = sample();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (unsigned flip : {1u, 0x80u, 0xffu}) {
      std::string bad = whole;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      auto file = parse(bad);
      if (!file) continue;
      for (const TensorInfo& t : file->tensors()) {
        EXPECT_GE(t.data.data(), as_bytes(bad).data());
        EXPECT_LE(t.data.data() + t.data.size(), as_bytes(bad).data() + bad.size());
      }
    }
  }
}

TEST(GgufHostile, CountsBeyondTheFile) {
  for (std::uint64_t count : kHuge) {
    GgufBytes tensors, keys;
    tensors.said_tensors = count;
    keys.said_keys = count;
    EXPECT_TRUE(refuses(parse(tensors.bytes()), {"number of tensors", std::to_string(count)}));
    EXPECT_TRUE(refuses(parse(keys.bytes()), {"number of metadata keys", std::to_string(count)}));
  }
  GgufBytes one_more;
  one_more.said_keys = 2;
  EXPECT_TRUE(refuses(parse(one_more.key("a", 0, u8(1)).bytes()), {"bad.gguf"}));
}

TEST(GgufHostile, CountsThatFitTheFileButNothingElse) {
  GgufBytes many;
  many.said_keys = 1 << 20;
  EXPECT_TRUE(refuses(parse(many.bytes() + std::string(32 << 20, '\0')), {"at most", "supported"}));
}

TEST(GgufHostile, StringLengthsBeyondTheFile) {
  for (std::uint64_t length : kHuge) {
    GgufBytes key, value, element, name;
    key.said_keys = 1;
    EXPECT_TRUE(refuses(parse(key.bytes() + u64(length) + "key and value"),
                        {"metadata #0", "key needs " + std::to_string(length)}));
    EXPECT_TRUE(refuses(parse(value.key("k", 8, u64(length) + "text").bytes()),
                        {"metadata \"k\"", "string needs " + std::to_string(length)}));
    EXPECT_TRUE(refuses(parse(element.key("k", 9, u32(8) + u64(1) + u64(length)).bytes()),
                        {"metadata \"k\"", "array string needs"}));
    EXPECT_TRUE(refuses(parse(name.raw_tensor(u64(length) + std::string(60, 'n')).bytes()),
                        {"tensor #0", "name needs"}));
  }
}

TEST(GgufHostile, ArrayLengthsBeyondTheFile) {
  for (std::uint32_t element = 0; element <= 12; ++element) {
    for (std::uint64_t length : kHuge) {
      auto bytes = GgufBytes().key("k", 9, u32(element) + u64(length) + "some").bytes();
      EXPECT_TRUE(refuses(parse(bytes), {"\"k\"", "array length is " + std::to_string(length)}));
    }
  }
  // Nine numbers announced, eight there.
  auto bytes = GgufBytes().key("k", 9, u32(4) + u64(9) + std::string(32, '\0')).bytes();
  EXPECT_TRUE(refuses(parse(bytes), {"array length is 9", "32 bytes left hold at most 8"}));
}

TEST(GgufHostile, UnknownValueTypes) {
  for (std::uint32_t type : {13u, 255u, 0x80000000u, ~0u}) {
    auto number = std::to_string(type);
    EXPECT_TRUE(refuses(parse(GgufBytes().key("k", type, u64(0)).bytes()),
                        {"\"k\"", "value type " + number + " is unknown"}));
    EXPECT_TRUE(refuses(parse(GgufBytes().key("k", 9, u32(type) + u64(0)).bytes()),
                        {"\"k\"", "array element type " + number + " is unknown"}));
  }
}

TEST(GgufHostile, BooleansThatAreNeither) {
  EXPECT_TRUE(refuses(parse(GgufBytes().key("k", 7, u8(2)).bytes()), {"0 or 1", "found 2"}));
  auto array = u32(7) + u64(3) + u8(0) + u8(1) + u8(0xff);
  EXPECT_TRUE(refuses(parse(GgufBytes().key("k", 9, array).bytes()), {"0 or 1", "found 255"}));
}

TEST(GgufHostile, ArraysNestedWithoutEnd) {
  std::string value;
  for (int i = 0; i < 100000; ++i) value += u32(9) + u64(1);
  EXPECT_TRUE(refuses(parse(GgufBytes().key("k", 9, value).bytes()), {"nested deeper"}));
}

TEST(GgufHostile, NamesThatAreEmptyTooLongOrTwice) {
  std::string too_long(65536, 'n');
  EXPECT_TRUE(refuses(parse(GgufBytes().key("", 8, str("value")).bytes()), {"key is empty"}));
  EXPECT_TRUE(refuses(parse(GgufBytes().key(too_long, 0, u8(1)).bytes()), {"65536", "65535"}));
  EXPECT_TRUE(refuses(parse(GgufBytes().tensor("", {1}).data(f32(0)).bytes()), {"name is empty"}));
  EXPECT_TRUE(refuses(parse(GgufBytes().tensor(too_long, {1}).data(f32(0)).bytes()), {"65536"}));
  auto keys = GgufBytes().key("twin", 0, u8(1)).key("twin", 4, u32(1)).bytes();
  EXPECT_TRUE(refuses(parse(keys), {"metadata \"twin\"", "twice"}));
  auto tensors =
      GgufBytes().tensor("twin", {1}).tensor("twin", {1}, 0, 32).data(std::string(36, 'x')).bytes();
  EXPECT_TRUE(refuses(parse(tensors), {"tensor \"twin\"", "twice"}));
}

TEST(GgufHostile, NamesInMessagesAreOneHarmlessLine) {
  std::string name = "evil\n\x1b[31m" + std::string(5000, 'x');
  auto bytes = GgufBytes().tensor(name, {0}).bytes();
  EXPECT_TRUE(refuses(parse(bytes), {"\"evil\\x0a\\x1b[31m", "…"}));
}

TEST(GgufHostile, NumberOfDimensions) {
  for (std::uint32_t n : {0u, 5u, 64u, 1u << 30, ~0u}) {
    auto entry = str("w") + u32(n) + std::string(64, '\1');
    EXPECT_TRUE(refuses(parse(GgufBytes().raw_tensor(entry).bytes()),
                        {"tensor \"w\"", std::to_string(n) + " dimensions", "1 to 4"}));
  }
}

TEST(GgufHostile, DimensionsOfNothing) {
  using Dims = std::vector<std::uint64_t>;
  for (const Dims& dims : {Dims{0}, Dims{32, 0}, Dims{0, 32}, Dims{1, 1, 1, 0}}) {
    auto bytes = GgufBytes().tensor("w", dims).data(std::string(64, 'x')).bytes();
    EXPECT_TRUE(refuses(parse(bytes), {"tensor \"w\"", "at least 1"}));
  }
}

TEST(GgufHostile, ProductsThatWrap) {
  using Dims = std::vector<std::uint64_t>;
  for (const Dims& dims : {
           Dims{1ull << 32, 1ull << 32},  // wraps to 0
           Dims{1ull << 62, 4},           // the element count
           Dims{1ull << 62},              // only the size in bytes
           Dims{~0ull}, Dims{1ull << 63}, Dims{1ull << 16, 1ull << 16, 1ull << 16, 1ull << 16},
           Dims{(1ull << 61) + 1, 2},  // wraps to 8 bytes
       }) {
    auto bytes = GgufBytes().tensor("w", dims).data(std::string(64, 'x')).bytes();
    EXPECT_TRUE(refuses(parse(bytes), {"tensor \"w\"", "exceeds 64 bits"}));
  }
}

TEST(GgufHostile, DataBehindTheEnd) {
  auto file = [](std::uint64_t dim, std::uint64_t offset) {
    return parse(GgufBytes().tensor("w", {dim}, 0, offset).data(std::string(64, 'x')).bytes());
  };
  EXPECT_TRUE(loads(file(16, 0)));
  EXPECT_TRUE(loads(file(8, 32)));
  EXPECT_TRUE(refuses(file(17, 0), {"\"w\"", "68 bytes at offset 0", "64 bytes"}));
  EXPECT_TRUE(refuses(file(9, 32), {"36 bytes at offset 32"}));
  EXPECT_TRUE(refuses(file(1, 96), {"4 bytes at offset 96"}));
  EXPECT_TRUE(refuses(file(1, 1ull << 63), {"reach past the end"}));
  EXPECT_TRUE(refuses(file(8, ~0ull - 31), {"reach past the end"}));  // offset + bytes wraps to 0
  EXPECT_TRUE(refuses(file(1ull << 60, 0), {"reach past the end"}));
}

TEST(GgufHostile, OffsetsOffTheGrid) {
  auto bytes = GgufBytes().tensor("w", {1}, 0, 4).data(std::string(64, 'x')).bytes();
  EXPECT_TRUE(refuses(parse(bytes), {"\"w\"", "offset 4", "multiple", "32"}));
}

TEST(GgufHostile, TensorsThatShareBytes) {
  auto file = [](std::uint64_t second) {
    return parse(GgufBytes()
                     .tensor("a", {16}, 0, 0)
                     .tensor("b", {8}, 0, second)
                     .data(std::string(128, 'x'))
                     .bytes());
  };
  EXPECT_TRUE(loads(file(64)));
  EXPECT_TRUE(refuses(file(32), {"tensor \"b\"", "overlap", "\"a\""}));
  EXPECT_TRUE(refuses(file(0), {"overlap"}));
}

TEST(GgufHostile, TypesWithoutAMeaningHere) {
  auto file = [](std::uint32_t type) {
    return parse(GgufBytes().tensor("w", {256}, type).data(std::string(2048, 'x')).bytes());
  };
  EXPECT_TRUE(refuses(file(4), {"tensor \"w\"", "type 4 (q4_2)", "supported are: f32 f16"}));
  EXPECT_TRUE(refuses(file(16), {"type 16 (iq2_xxs)"}));
  EXPECT_TRUE(refuses(file(39), {"type 39 (mxfp4)"}));
  EXPECT_TRUE(refuses(file(99), {"type 99 is not supported"}));
  EXPECT_TRUE(refuses(file(0x80000000), {"type 2147483648"}));
  EXPECT_TRUE(refuses(file(~0u), {"type 4294967295"}));
}

TEST(GgufHostile, RowsOfHalfABlock) {
  for (const DTypeInfo& info : kDTypes) {
    if (info.block_elems == 1) continue;
    auto type = static_cast<std::uint32_t>(info.type);
    auto bytes = GgufBytes()
                     .tensor("w", {info.block_elems / 2, 2}, type)
                     .data(std::string(999, 'x'))
                     .bytes();
    EXPECT_TRUE(refuses(parse(bytes), {"tensor \"w\"", info.name, "multiple of"}));
  }
}

TEST(GgufHostile, AlignmentsThatAreNone) {
  auto file = [](std::uint32_t type, const std::string& value) {
    return parse(GgufBytes()
                     .key("general.alignment", type, value)
                     .tensor("w", {1})
                     .data(std::string(64, 'x'))
                     .bytes());
  };
  for (std::uint32_t bad : {0u, 3u, 33u, 48u, 1u << 17, 1u << 31, ~0u})
    EXPECT_TRUE(refuses(file(4, u32(bad)),
                        {"general.alignment", "power of two", "found " + std::to_string(bad)}));
  EXPECT_TRUE(refuses(file(10, u64(32)), {"general.alignment", "type u32", "found u64"}));
  EXPECT_TRUE(refuses(file(5, u32(32)), {"found i32"}));
  EXPECT_TRUE(refuses(file(8, str("32")), {"found string"}));
  EXPECT_TRUE(refuses(file(6, f32(32)), {"found f32"}));
}

TEST(GgufHostile, OpenRefusesWhatIsNoFile) {
  EXPECT_TRUE(refuses(File::open("/no/such/model.gguf"), {"/no/such/model.gguf"}));
  EXPECT_TRUE(refuses(File::open("/"), {"/"}));
}

}  // namespace
}  // namespace hearth::gguf
