// What the writer writes, the reader reads; a failed write leaves nothing.
#include "formats/gguf_writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "base/blocks.h"
#include "formats/bytes.h"
#include "support/data.h"

namespace hearth::gguf {
namespace {

using namespace hearth::test;

class GgufWriter : public testing::Test {
 protected:
  GgufWriter()
      : dir_(std::filesystem::temp_directory_path() /
             ("hearth-gguf-" + std::to_string(::getpid()))),
        path_(dir_ / "out.gguf") {
    std::filesystem::create_directories(dir_);
  }
  ~GgufWriter() override { std::filesystem::remove_all(dir_); }
  bool dir_is_empty() const { return std::filesystem::is_empty(dir_); }

  std::filesystem::path dir_, path_;
};

TEST_F(GgufWriter, KeepsMetadataOfEveryType) {
  Writer out;
  out.u32("u32", 7);
  out.i32("i32", -7);
  out.u64("u64", 1ull << 40);
  out.f32("f32", 1e-6f);
  out.boolean("yes", true);
  out.string("text", "naïve \"text\"");
  out.strings("words", std::vector<std::string>{"a", "", "a b"});
  out.i32s("ints", std::vector<std::int32_t>{-1, 2});
  out.u32s("sizes", std::vector<std::uint32_t>{3000000000, 2});
  out.f32s("reals", std::vector<float>{0.5f, -0.25f});
  out.bools("flags", {true, false, true});
  out.strings("none", {});
  ASSERT_TRUE(loads(out.write(path_)));

  auto file = File::open(path_);
  ASSERT_TRUE(loads(file));
  EXPECT_EQ(file->version(), 3u);
  EXPECT_EQ(file->get_int("u32", 0, 9)->value(), 7);
  EXPECT_EQ(file->get_int("i32", -9, 9)->value(), -7);
  EXPECT_EQ(file->get_int("u64", 0, INT64_MAX)->value(), std::int64_t{1} << 40);
  EXPECT_EQ(file->get_float("f32")->value(), double(1e-6f));
  EXPECT_TRUE(file->get_bool("yes")->value());
  EXPECT_EQ(file->get_string("text")->value(), "naïve \"text\"");
  EXPECT_EQ((*file->get_strings("words"))->strings,
            (std::vector<std::string_view>{"a", "", "a b"}));
  EXPECT_EQ((*file->get_ints("ints"))->integer(0), -1);
  EXPECT_EQ((*file->get_ints("sizes"))->integer(0), 3000000000);
  EXPECT_EQ((*file->get_floats("reals"))->number(1), -0.25);
  EXPECT_EQ(std::get<Array>(file->find("flags")->data).integer(2), 1);
  EXPECT_EQ((*file->get_strings("none"))->count, 0u);
}

TEST_F(GgufWriter, CopyOfAGoldenHasTheSameTensors) {
  HEARTH_GOLDEN(golden_path, "text/b-q5_1.gguf");
  auto golden = File::open(golden_path);
  ASSERT_TRUE(loads(golden));
  Writer out;
  out.string("general.architecture", "llama");
  for (const TensorInfo& t : golden->tensors()) {
    std::vector<std::uint64_t> dims(t.dims.begin(), t.dims.begin() + t.n_dims);
    out.tensor(t.name, t.type, dims, t.data);
  }
  ASSERT_TRUE(loads(out.write(path_)));
  auto copy = File::open(path_);
  ASSERT_TRUE(loads(copy));
  ASSERT_EQ(copy->tensors().size(), golden->tensors().size());
  for (std::size_t i = 0; i < copy->tensors().size(); ++i) {
    const TensorInfo &a = copy->tensors()[i], &b = golden->tensors()[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.type, b.type);
    EXPECT_EQ(a.dims, b.dims);
    EXPECT_TRUE(std::ranges::equal(a.data, b.data)) << a.name;
  }
  // Other readers want every tensor padded, the last one too.
  EXPECT_EQ(copy->bytes().size() % 32, 0u);
}

TEST_F(GgufWriter, StreamsATensorInPieces) {
  Writer out;
  out.tensor("rows", DType::f32, {3, 5}, [](const Writer::Sink& sink) -> Status {
    for (int row = 0; row < 5; ++row) {
      float values[3] = {float(row), float(row) + 0.25f, float(row) + 0.5f};
      HEARTH_TRY_STATUS(sink(std::as_bytes(std::span(values))));
    }
    return {};
  });
  std::vector<float> half(32, 0.5f);
  std::vector<std::byte> blocks(row_bytes(DType::q8_0, 32));
  quantise_row(DType::q8_0, half.data(), blocks.data(), 32);
  out.tensor("blocks", DType::q8_0, {32}, blocks);
  ASSERT_TRUE(loads(out.write(path_)));
  auto file = File::open(path_);
  ASSERT_TRUE(loads(file));
  float last;
  std::memcpy(&last, file->find_tensor("rows")->data.data() + 14 * 4, 4);
  EXPECT_EQ(last, 4.5f);
  EXPECT_TRUE(std::ranges::equal(file->find_tensor("blocks")->data, blocks));
}

TEST_F(GgufWriter, AFailedProducerLeavesNoFile) {
  Writer out;
  out.tensor("w", DType::f32, {4}, [](const Writer::Sink&) -> Status { return failed("no more"); });
  auto status = out.write(path_);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "no more");
  EXPECT_TRUE(dir_is_empty());
}

TEST_F(GgufWriter, AFullDiskLeavesNoFile) {
  // A limit on file sizes stands for the full disk: writes beyond it fail in the same way.
  std::vector<std::byte> bytes(4 << 20);
  Writer out;
  out.tensor("w", DType::f32, {1 << 20}, bytes);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small{1 << 20, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  auto status = out.write(path_);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::bad_input);
  EXPECT_NE(status.error().message.find("out.gguf: cannot write"), std::string::npos);
  EXPECT_TRUE(dir_is_empty());
}

TEST_F(GgufWriter, NoSuchDirectory) {
  Writer out;
  EXPECT_TRUE(refuses(out.write(dir_ / "none" / "x.gguf"), {"x.gguf", "cannot create"}));
}

TEST_F(GgufWriter, RefusesWhatReadersRefuse) {
  auto write = [&](auto fill) {
    Writer out;
    fill(out);
    return out.write(path_);
  };
  std::vector<std::byte> bytes(1024);
  auto add = [&](std::string name, DType type, std::vector<std::uint64_t> dims) {
    return write([&](Writer& out) { out.tensor(name, type, dims, bytes); });
  };
  EXPECT_TRUE(refuses(add(std::string(64, 'n'), DType::f32, {1}), {"63 bytes"}));
  EXPECT_TRUE(refuses(add("", DType::f32, {1}), {"empty"}));
  EXPECT_TRUE(refuses(add("w", DType::q8_0, {33}), {"\"w\"", "q8_0"}));
  EXPECT_TRUE(refuses(add("w", DType::f32, {}), {"\"w\"", "shape"}));
  EXPECT_TRUE(refuses(add("w", DType::f32, {0}), {"\"w\"", "shape"}));
  EXPECT_TRUE(refuses(add("w", DType::f32, {1, 1, 1, 1, 1}), {"\"w\"", "shape"}));
  EXPECT_TRUE(refuses(add("w", DType::f32, {1ull << 62, 8}), {"\"w\"", "shape"}));
  EXPECT_TRUE(refuses(write([](Writer& out) { out.u32("k", 1), out.u32("k", 2); }), {"twice"}));
  EXPECT_TRUE(refuses(write([&](Writer& out) {
                        out.tensor("w", DType::f32, {1}, std::span(bytes).first(4));
                        out.tensor("w", DType::f32, {1}, std::span(bytes).first(4));
                      }),
                      {"\"w\"", "twice"}));
  EXPECT_TRUE(dir_is_empty());
}

TEST_F(GgufWriter, AWrongNumberOfBytesIsABugOfTheCaller) {
  Writer out;
  std::vector<std::byte> bytes(8);
  out.tensor("w", DType::f32, {4}, bytes);
  EXPECT_THROW((void)out.write(path_), CheckFailure);
  EXPECT_TRUE(dir_is_empty());
}

}  // namespace
}  // namespace hearth::gguf
