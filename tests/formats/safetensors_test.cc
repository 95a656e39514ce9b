// safetensors: a golden checkpoint, odd but legal files, and files made to break readers.
#include "formats/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "base/blocks.h"
#include "formats/bytes.h"
#include "formats/gguf.h"
#include "support/data.h"

namespace hearth {
namespace {

using namespace hearth::test;
using Shape = std::vector<std::uint64_t>;

Result<SafetensorsFile> parse(const std::string& bytes) {
  return SafetensorsFile::parse(as_bytes(bytes), "bad.safetensors");
}
Result<SafetensorsFile> parse(std::string_view header, std::size_t data_bytes) {
  // The bytes must outlive the file, which the caller looks at right away.
  static thread_local std::string bytes;
  bytes = safetensors_bytes(header, std::string(data_bytes, 'd'));
  return parse(bytes);
}

/// {"w": {dtype, shape, offsets}}
std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return "{\"w\":{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":" + std::string(shape) +
         ",\"data_offsets\":" + std::string(offsets) + "}}";
}

/// A directory of its own that is removed at the end.
class SafetensorsDir : public testing::Test {
 protected:
  SafetensorsDir()
      : dir_(std::filesystem::temp_directory_path() /
             ("hearth-safetensors-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(dir_);
  }
  ~SafetensorsDir() override { std::filesystem::remove_all(dir_); }

  void put(const std::string& name, std::string_view content) {
    auto file = *AtomicFile::create(dir_ / name);
    ASSERT_TRUE(file.write(content).has_value());
    ASSERT_TRUE(file.commit().has_value());
  }
  /// A shard with one tensor of one value.
  void put_shard(const std::string& name, const std::string& tensor, float value) {
    put(name, safetensors_bytes(
                  "{\"" + tensor + "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                  f32(value)));
  }

  std::filesystem::path dir_;
};

TEST(Safetensors, GoldenShardsHoldTheWeightsOfTheGgufGolden) {
  HEARTH_GOLDEN(index, "hf/smolvlm-tiny-bf16/model.safetensors.index.json");
  HEARTH_GOLDEN(gguf_path, "text/a-bf16.gguf");
  auto all = Safetensors::open_dir(index.parent_path());
  ASSERT_TRUE(loads(all));
  EXPECT_EQ(all->files().size(), 2u);
  auto gguf = gguf::File::open(gguf_path);
  ASSERT_TRUE(loads(gguf));
  // Names of matrices whose rows both formats keep in the same order.
  const std::pair<const char*, const char*> kPairs[] = {
      {"model.text_model.embed_tokens.weight", "token_embd.weight"},
      {"model.text_model.layers.0.self_attn.v_proj.weight", "blk.0.attn_v.weight"},
      {"model.text_model.layers.1.mlp.down_proj.weight", "blk.1.ffn_down.weight"},
      {"model.text_model.layers.2.mlp.gate_proj.weight", "blk.2.ffn_gate.weight"},
      {"lm_head.weight", "output.weight"},
  };
  for (auto [ours, theirs] : kPairs) {
    auto found = all->find(ours);
    ASSERT_TRUE(loads(found));
    const SafetensorsTensor* a = *found;
    const gguf::TensorInfo* b = gguf->find_tensor(theirs);
    ASSERT_TRUE(a && b) << ours;
    EXPECT_EQ(a->shape, (Shape{b->dims[1], b->dims[0]})) << ours;
    ASSERT_EQ(a->elements(), b->elements());
    std::vector<float> x(a->elements()), y(b->elements());
    dequantise_row(a->dtype, a->data.data(), x.data(), x.size());
    dequantise_row(b->type, b->data.data(), y.data(), y.size());
    EXPECT_EQ(x, y) << ours;
  }
  EXPECT_EQ(*all->find("no.such.weight"), nullptr);
}

TEST(Safetensors, GoldenSingleFile) {
  HEARTH_GOLDEN(path, "hf/smolvlm-tiny-f32/model.safetensors");
  auto all = Safetensors::open_dir(path.parent_path());
  ASSERT_TRUE(loads(all));
  const SafetensorsTensor* t = *all->find("model.text_model.embed_tokens.weight");
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(t->dtype, DType::f32);
  EXPECT_EQ(t->shape, (Shape{496, 96}));
}

// ---- odd but legal ----

TEST(SafetensorsOdd, NothingAtAll) {
  EXPECT_TRUE(loads(parse("{}", 0)));
  EXPECT_TRUE(loads(parse("{\"__metadata__\":{}}", 0)));
  EXPECT_TRUE(loads(parse("{\"__metadata__\":null}   ", 0)));  // padded with spaces
}

TEST(SafetensorsOdd, ScalarsEmptyTensorsAndUnalignedData) {
  auto file = parse(
      R"({"__metadata__":{"format":"pt","x":"y"},
          "scalar":{"dtype":"BF16","shape":[],"data_offsets":[3,5]},
          "empty":{"dtype":"F32","shape":[0,18446744073709551615,7],"data_offsets":[3,3]},
          "flags":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3],"extra":[1]},
          "matrix":{"dtype":"F16","shape":[2,3],"data_offsets":[5,17]}})",
      17);
  ASSERT_TRUE(loads(file));
  EXPECT_EQ((*file->find("scalar"))->elements(), 1u);
  EXPECT_EQ((*file->find("empty"))->elements(), 0u);
  EXPECT_EQ((*file->find("matrix"))->elements(), 6u);
  EXPECT_EQ(file->metadata().at("format"), "pt");
  EXPECT_EQ(file->tensors().size(), 3u);
}

TEST(SafetensorsOdd, DtypesThatAreNotReadHurtOnlyWhoWantsThem) {
  auto file = parse(
      R"({"position_ids":{"dtype":"I64","shape":[1,2],"data_offsets":[0,16]},
          "w8":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[16,20]},
          "w4":{"dtype":"F4","shape":[2,2],"data_offsets":[20,22]},
          "w":{"dtype":"F16","shape":[2],"data_offsets":[22,26]}})",
      26);
  ASSERT_TRUE(loads(file));
  EXPECT_TRUE(loads(file->find("w")));
  EXPECT_TRUE(file->has("position_ids"));
  EXPECT_EQ(file->names().size(), 4u);
  EXPECT_TRUE(refuses(file->find("position_ids"), {"bad.safetensors", "\"position_ids\"", "I64"}));
  EXPECT_TRUE(refuses(file->find("w8"), {"F8_E4M3", "F32 F16 BF16"}));
}

// ---- hostile ----

TEST(SafetensorsHostile, HeaderLengths) {
  EXPECT_TRUE(refuses(parse(""), {"bad.safetensors", "0 bytes"}));
  EXPECT_TRUE(refuses(parse("1234567"), {"7 bytes"}));
  for (std::uint64_t length : {3ull, 100ull, 1ull << 32, 1ull << 63, ~0ull - 7, ~0ull - 4, ~0ull})
    EXPECT_TRUE(refuses(parse(u64(length) + "{}"), {std::to_string(length), "2 left"}));
  EXPECT_TRUE(refuses(parse(u64(0)), {"begin with '{'"}));
}

TEST(SafetensorsHostile, HeaderLimitIsStated) {
  std::string bytes = u64(SafetensorsFile::kLongestHeader + 1);
  bytes.resize(8 + SafetensorsFile::kLongestHeader + 1, ' ');
  EXPECT_TRUE(refuses(parse(bytes), {"268435457", "the limit is 268435456"}));
}

TEST(SafetensorsHostile, HeadersThatAreNotTensors) {
  EXPECT_TRUE(refuses(parse("[1]", 0), {"begin with '{'"}));
  EXPECT_TRUE(refuses(parse("{", 0), {"JSON", "line 1"}));
  EXPECT_TRUE(refuses(parse("{}{}", 0), {"JSON"}));
  EXPECT_TRUE(refuses(parse("{\"w\":7}", 0), {"\"w\"", "expected an object"}));
  EXPECT_TRUE(refuses(parse("{\"w\":{}}", 0), {"\"w\"", "dtype"}));
  EXPECT_TRUE(refuses(parse("{\"w\":{\"dtype\":\"F32\"}}", 0), {"\"shape\""}));
  EXPECT_TRUE(refuses(parse("{\"w\":{\"dtype\":\"F32\",\"shape\":[]}}", 0), {"\"data_offsets\""}));
  EXPECT_TRUE(refuses(parse("{\"__metadata__\":{\"a\":1}}", 0), {"__metadata__"}));
  EXPECT_TRUE(refuses(parse("{\"__metadata__\":[]}", 0), {"__metadata__"}));
  std::string deep = "{\"w\":" + std::string(100000, '[');
  EXPECT_TRUE(refuses(parse(deep, 0), {"nested deeper"}));
}

TEST(SafetensorsHostile, DuplicateKeys) {
  EXPECT_TRUE(refuses(parse(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                                "w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                            8),
                      {"\"w\"", "twice"}));
  EXPECT_TRUE(refuses(parse(R"({"w":{"dtype":"F32","dtype":"F16","shape":[2],)"
                            R"("data_offsets":[0,4]}})",
                            4),
                      {"\"dtype\"", "twice"}));
}

TEST(SafetensorsHostile, NumbersThatAreNone) {
  for (const char* bad :
       {"-1", "1.0", "1e2", "\"4\"", "null", "true", "[4]", "18446744073709551616"}) {
    auto list = "[" + std::string(bad) + "]";
    EXPECT_TRUE(refuses(parse(one("F32", list, "[0,4]"), 4), {"\"w\"", "\"shape\""})) << bad;
    EXPECT_TRUE(refuses(parse(one("F32", "[1]", "[0," + std::string(bad) + "]"), 4),
                        {"\"w\"", "\"data_offsets\""}));
  }
  EXPECT_TRUE(refuses(parse(one("F32", "[1]", "[0]"), 4), {"two", "found 1"}));
  EXPECT_TRUE(refuses(parse(one("F32", "[1]", "[0,4,8]"), 4), {"two", "found 3"}));
  EXPECT_TRUE(refuses(parse(one("F32", "4", "[0,4]"), 4), {"\"shape\""}));
}

TEST(SafetensorsHostile, UnknownDtypes) {
  for (const char* bad : {"", "f32", "F128", "Q4_0", "F32 "})
    EXPECT_TRUE(refuses(parse(one(bad, "[1]", "[0,4]"), 4), {"\"w\"", "dtype", "unknown"}));
}

TEST(SafetensorsHostile, RangesOutsideTheData) {
  EXPECT_TRUE(loads(parse(one("F32", "[1]", "[0,4]"), 4)));
  EXPECT_TRUE(refuses(parse(one("F32", "[1]", "[0,4]"), 3), {"\"w\"", "0 to 4", "3 bytes"}));
  EXPECT_TRUE(refuses(parse(one("F32", "[1]", "[4,0]"), 4), {"not in order"}));
  EXPECT_TRUE(refuses(parse(one("F32", "[1]", "[18446744073709551612,0]"), 4), {"not in order"}));
  EXPECT_TRUE(
      refuses(parse(one("F32", "[1]", "[18446744073709551611,18446744073709551615]"), 4), {"w"}));
}

TEST(SafetensorsHostile, ShapesAndRangesThatDisagree) {
  EXPECT_TRUE(refuses(parse(one("F32", "[1000000]", "[0,4]"), 4), {"4000000 bytes", "give 4"}));
  EXPECT_TRUE(refuses(parse(one("F32", "[1]", "[0,8]"), 8), {"need 4", "give 8"}));
  EXPECT_TRUE(refuses(parse(one("BF16", "[2,2]", "[0,4]"), 4), {"need 8"}));
  EXPECT_TRUE(refuses(parse(one("F32", "[0]", "[0,4]"), 4), {"need 0"}));
  EXPECT_TRUE(refuses(parse(one("F4", "[3]", "[0,1]"), 1), {"whole bytes"}));
}

TEST(SafetensorsHostile, ProductsThatWrap) {
  for (const char* shape : {"[4294967296,4294967296]", "[18446744073709551615]",
                            "[4611686018427387904]", "[4611686018427387905,4]"})
    EXPECT_TRUE(refuses(parse(one("F32", shape, "[0,4]"), 4), {"\"w\"", "64 bits"})) << shape;
}

TEST(SafetensorsHostile, RangesMustTileTheData) {
  auto two = [](const char* a, const char* b, std::size_t size) {
    return parse(R"({"a":{"dtype":"F16","shape":[2],"data_offsets":)" + std::string(a) +
                     R"(},"b":{"dtype":"F16","shape":[2],"data_offsets":)" + b + "}}",
                 size);
  };
  EXPECT_TRUE(loads(two("[4,8]", "[0,4]", 8)));
  EXPECT_TRUE(refuses(two("[0,4]", "[0,4]", 4), {"tensor \"", "not overlap"}));
  EXPECT_TRUE(
      refuses(two("[0,4]", "[2,6]", 6), {"tensor \"b\"", "begins at byte 2", "expected 4"}));
  EXPECT_TRUE(refuses(two("[0,4]", "[6,10]", 10), {"tensor \"b\"", "no hole"}));
  EXPECT_TRUE(refuses(two("[2,6]", "[6,10]", 10), {"tensor \"a\"", "no hole"}));
  EXPECT_TRUE(refuses(two("[0,4]", "[4,8]", 9), {"9 bytes of data", "cover 8"}));
  EXPECT_TRUE(refuses(parse("{}", 1), {"1 bytes of data", "cover 0"}));
}

TEST(SafetensorsHostile, EveryTruncationAndFlipIsSafe) {
  std::string whole = safetensors_bytes(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},)"
      R"("b":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}})",
      "12345678");
  ASSERT_TRUE(loads(parse(whole)));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string cut = whole.substr(0, size);
    cut.shrink_to_fit();
    EXPECT_TRUE(refuses(parse(cut), {"bad.safetensors"})) << size;
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (unsigned flip : {1u, 2u, 0x80u, 0xffu}) {
      std::string bad = whole;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      auto file = parse(bad);
      if (!file) continue;
      for (const SafetensorsTensor& t : file->tensors())
        EXPECT_LE(t.data.data() + t.data.size(), as_bytes(bad).data() + bad.size());
    }
  }
}

// ---- directories ----

TEST_F(SafetensorsDir, ShardsByIndex) {
  put_shard("model-1.safetensors", "a", 1);
  put_shard("model-2.safetensors", "b", 2);
  put("model.safetensors.index.json",
      R"({"metadata":{"total_size":8},
          "weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}})");
  auto all = Safetensors::open_dir(dir_);
  ASSERT_TRUE(loads(all));
  EXPECT_TRUE(Safetensors::is_in(dir_));
  EXPECT_EQ(all->names(), (std::vector<std::string_view>{"a", "b"}));
  float b;
  std::memcpy(&b, (*all->find("b"))->data.data(), 4);
  EXPECT_EQ(b, 2);
}

TEST_F(SafetensorsDir, ShardsMayBeLinksAsDownloadCachesMakeThem) {
  std::filesystem::create_directory(dir_ / "blobs");
  put_shard("blobs/123abc", "a", 1);
  std::filesystem::create_symlink("blobs/123abc", dir_ / "model.safetensors");
  EXPECT_TRUE(loads(Safetensors::open_dir(dir_)));
}

TEST_F(SafetensorsDir, NamesThatLeaveTheDirectory) {
  put_shard("model-1.safetensors", "a", 1);
  std::filesystem::create_directory(dir_ / "sub");
  put_shard("sub/model-1.safetensors", "a", 1);
  auto absolute = (dir_ / "model-1.safetensors").string();
  for (const std::string& name :
       {std::string("../x"), absolute, std::string("sub/model-1.safetensors"),
        std::string("sub/../model-1.safetensors"), std::string("./model-1.safetensors"),
        std::string(".."), std::string("."), std::string(""), std::string("sub\\\\x"),
        std::string("model-1.safetensors\\u0000x")}) {
    put("model.safetensors.index.json", "{\"weight_map\":{\"a\":\"" + name + "\"}}");
    EXPECT_TRUE(refuses(Safetensors::open_dir(dir_), {"index.json", "\"a\"", "plain name"}))
        << name;
  }
}

TEST_F(SafetensorsDir, IndexAndShardsThatDisagree) {
  auto open = [&](const char* index) {
    put("model.safetensors.index.json", index);
    return Safetensors::open_dir(dir_);
  };
  put_shard("s.safetensors", "a", 1);
  EXPECT_TRUE(refuses(open(R"({"weight_map":{"b":"s.safetensors"}})"),
                      {"s.safetensors", "\"b\"", "is missing"}));
  EXPECT_TRUE(refuses(open(R"({"weight_map":{"a":"t.safetensors"}})"), {"t.safetensors"}));
  EXPECT_TRUE(refuses(open(R"({"weight_map":{"a":7}})"), {"\"a\"", "plain name"}));
  EXPECT_TRUE(refuses(open(R"({"weight_map":[]})"), {"weight_map"}));
  EXPECT_TRUE(refuses(open("[]"), {"weight_map"}));
  EXPECT_TRUE(refuses(open("{"), {"JSON"}));
  EXPECT_TRUE(refuses(open(R"({"weight_map":{"a":"s.safetensors","a":"s.safetensors"}})"),
                      {"\"a\"", "twice"}));
}

TEST_F(SafetensorsDir, EmptyDirectory) {
  EXPECT_FALSE(Safetensors::is_in(dir_));
  EXPECT_TRUE(refuses(Safetensors::open_dir(dir_), {"model.safetensors"}));
  EXPECT_TRUE(refuses(Safetensors::open_dir(dir_ / "none"), {"none"}));
}

}  // namespace
}  // namespace hearth
