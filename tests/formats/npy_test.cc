// .npy files: goldens that NumPy wrote, round trips, and files that are none.
#include "formats/npy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>

#include "base/files.h"
#include "formats/bytes.h"
#include "support/data.h"

namespace hearth {
namespace {

using namespace hearth::test;
using Shape = std::vector<std::size_t>;

Result<NpyArray> parse(const std::string& bytes) { return parse_npy(as_bytes(bytes), "x.npy"); }

/// A version 1 file with any header text.
std::string npy(const std::string& dict, std::string_view data) {
  auto size = static_cast<std::uint16_t>(dict.size());
  return std::string("\x93NUMPY\x01\x00", 8) + raw(size) + dict + std::string(data);
}
std::string dict(const std::string& shape, const std::string& type = "<f4",
                 const std::string& fortran = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

std::filesystem::path scratch() {
  return std::filesystem::temp_directory_path() /
         ("hearth-npy-" + std::to_string(::getpid()) + ".npy");
}

TEST(Npy, ReadsWhatNumpyWrote) {
  HEARTH_GOLDEN(path, "text/a.p7.npy");
  auto array = read_npy(path);
  ASSERT_TRUE(loads(array));
  EXPECT_EQ(array->shape, (Shape{7, 496}));
  ASSERT_EQ(array->data.size(), 7u * 496);
  // Logits of the golden's README: standard deviation 1.5 to 2.
  double sum = 0, squares = 0;
  for (float x : array->data) sum += x, squares += double(x) * x;
  double n = double(array->data.size()), deviation = std::sqrt(squares / n - sum * sum / n / n);
  EXPECT_GT(deviation, 1.2);
  EXPECT_LT(deviation, 2.5);
}

TEST(Npy, WritesTheBytesOfNumpy) {
  HEARTH_GOLDEN(path, "vision/a.tiles.npy");
  auto array = *read_npy(path);
  EXPECT_EQ(array.shape, (Shape{3, 3, 64, 64}));
  auto copy = scratch();
  ASSERT_TRUE(loads(write_npy(copy, array.shape, array.data)));
  EXPECT_EQ(*read_file(copy), *read_file(path));
  std::filesystem::remove(copy);
}

TEST(Npy, RoundTripsEveryRank) {
  for (const Shape& shape : {Shape{}, Shape{5}, Shape{1, 5}, Shape{2, 3, 4}, Shape{0, 7}}) {
    std::size_t size = 1;
    for (auto dim : shape) size *= dim;
    std::vector<float> data(size);
    for (std::size_t i = 0; i < size; ++i) data[i] = 0.5f * static_cast<float>(i);
    ASSERT_TRUE(loads(write_npy(scratch(), shape, data)));
    auto back = read_npy(scratch());
    ASSERT_TRUE(loads(back));
    EXPECT_EQ(back->shape, shape);
    EXPECT_EQ(back->data, data);
  }
  std::filesystem::remove(scratch());
}

TEST(Npy, OddButLegal) {
  EXPECT_TRUE(loads(parse(npy(dict("(2,)", "<f4", "True"), "12345678"))));
  EXPECT_TRUE(loads(parse(npy("{'shape':(1,2),'fortran_order':False,'descr':'<f4'}", "12345678"))));
  auto wide = std::string("\x93NUMPY\x02\x00", 8) + u32(60);
  auto header = dict("(1, 1)");
  header.resize(60, ' ');
  EXPECT_TRUE(loads(parse(wide + header + "1234")));
}

TEST(Npy, Refuses) {
  EXPECT_TRUE(refuses(parse(""), {"x.npy", "magic"}));
  EXPECT_TRUE(refuses(parse("\x93NUMPY"), {"magic"}));
  EXPECT_TRUE(refuses(parse(std::string("\x93NUMPY\x09\x00\x01\x00{}....", 16)), {"version 9"}));
  EXPECT_TRUE(refuses(parse(std::string("\x93NUMPY\x01\x00\xff\xff{}..", 14)), {"65535", "end"}));
  EXPECT_TRUE(refuses(parse(npy("{}", "1234")), {"lacks"}));
  EXPECT_TRUE(refuses(parse(npy(dict("(1,)", "<f8"), "12345678")), {"'<f4'", "'<f8'"}));
  EXPECT_TRUE(refuses(parse(npy(dict("(1,)", ">f4"), "1234")), {"'>f4'"}));
  EXPECT_TRUE(refuses(parse(npy(dict("(1,)", "|O"), "1234")), {"'|O'"}));
  EXPECT_TRUE(refuses(parse(npy(dict("(1, 2)", "<f4", "True"), "12345678")), {"C order"}));
  for (const char* shape : {"(", "(x)", "(-1,)", "(1 2)", "1", "(1.5,)", "(99999999999999999999,)"})
    EXPECT_TRUE(refuses(parse(npy(dict(shape), "1234")), {"shape"})) << shape;
  EXPECT_TRUE(refuses(parse(npy(dict("(2,)"), "1234")), {"2 values", "4 bytes of data"}));
  EXPECT_TRUE(refuses(parse(npy(dict("(1,)"), "12345")), {"1 values", "5 bytes of data"}));
  EXPECT_TRUE(refuses(parse(npy(dict("(4294967296, 4294967296)"), "")), {"too many"}));
  EXPECT_TRUE(refuses(parse(npy(dict("(4611686018427387904,)"), "")), {"0 bytes of data"}));
  EXPECT_TRUE(refuses(read_npy("/no/such.npy"), {"/no/such.npy"}));
}

}  // namespace
}  // namespace hearth
