#include "formats/npy.h"

#include <charconv>
#include <cstring>
#include <optional>
#include <string>

#include "base/check.h"
#include "base/files.h"
#include "formats/quote.h"

namespace hearth {
namespace {

/// The header is a Python dict in one spelling: {'descr': '<f4', 'fortran_order': False, 'shape':
/// (3, 4), }. This finds the text after a key, without leading blanks.
std::optional<std::string_view> value_of(std::string_view header, std::string_view key) {
  std::string quoted_key = "'" + std::string(key) + "':";
  auto at = header.find(quoted_key);
  if (at == header.npos) return std::nullopt;
  header.remove_prefix(at + quoted_key.size());
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

/// "(3, 4)", "(3,)" or "()".
std::optional<std::vector<std::size_t>> parse_shape(std::string_view text) {
  auto close = text.find(')');
  if (!text.starts_with('(') || close == text.npos) return std::nullopt;
  text = text.substr(1, close - 1);
  std::vector<std::size_t> shape;
  while (!text.empty()) {
    std::size_t dim = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (error != std::errc{}) return std::nullopt;
    shape.push_back(dim);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) break;
    if (!text.starts_with(',')) return std::nullopt;
    text.remove_prefix(1);
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
  return shape;
}

std::size_t product(std::span<const std::size_t> shape, bool& overflow) {
  std::size_t n = 1;
  for (std::size_t dim : shape) overflow |= __builtin_mul_overflow(n, dim, &n);
  return n;
}

std::string make_header(std::span<const std::size_t> shape) {
  std::string dims;
  for (std::size_t dim : shape) dims += std::to_string(dim) + ", ";
  if (shape.size() == 1) dims = std::to_string(shape[0]) + ",";
  if (shape.size() > 1) dims.resize(dims.size() - 2);
  std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + dims + "), }";
  constexpr std::size_t kPrefix = 10, kAlignment = 64;
  dict.append(kAlignment - 1 - (kPrefix + dict.size()) % kAlignment, ' ');
  dict += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(dict.size() & 0xff);
  out += static_cast<char>(dict.size() >> 8);
  return out + dict;
}

}  // namespace

Result<NpyArray> parse_npy(std::span<const std::byte> bytes, std::string_view where) {
  auto error = [&](const std::string& message) {
    return bad_input(std::string(where) + ": .npy: " + message);
  };
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with("\x93NUMPY") || text.size() < 12)
    return error("the magic \"\\x93NUMPY\" is missing");
  auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(bytes[i]); };
  bool wide = byte(6) >= 2;  // version 2 has a length of 4 bytes
  std::size_t begin = wide ? 12 : 10;
  std::size_t length = byte(8) | byte(9) << 8;
  if (wide) length |= byte(10) << 16 | byte(11) << 24;
  if (byte(6) < 1 || byte(6) > 3)
    return error("version " + std::to_string(byte(6)) + " is unknown");
  if (length > text.size() - begin)
    return error("header of " + std::to_string(length) + " bytes reaches past the end");

  std::string_view header = text.substr(begin, length);
  auto type = value_of(header, "descr"), order = value_of(header, "fortran_order"),
       dims = value_of(header, "shape");
  if (!type || !order || !dims) return error("the header lacks descr, fortran_order or shape");
  if (!type->starts_with("'<f4'"))
    return error("expected type '<f4' (float32), found " + quote_name(type->substr(0, 8)));
  auto shape = parse_shape(*dims);
  if (!shape) return error("the shape cannot be read");
  // With one dimension or less both orders are the same.
  if (!order->starts_with("False") && shape->size() > 1)
    return error("expected C order, found Fortran order");

  bool overflow = false;
  std::size_t size = product(*shape, overflow), left = text.size() - begin - length;
  if (overflow || size > left / sizeof(float) || size * sizeof(float) != left) {
    return error("the shape needs " + (overflow ? "too many" : std::to_string(size)) +
                 " values of 4 bytes, the file has " + std::to_string(left) + " bytes of data");
  }
  NpyArray array{*std::move(shape), std::vector<float>(size)};
  if (size) std::memcpy(array.data.data(), bytes.data() + begin + length, left);
  return array;
}

Result<NpyArray> read_npy(const std::filesystem::path& path) {
  HEARTH_TRY(MappedFile file, MappedFile::open(path));
  return parse_npy(file.bytes(), path.string());
}

Status write_npy(const std::filesystem::path& path, std::span<const std::size_t> shape,
                 std::span<const float> data) {
  bool overflow = false;
  CHECK(product(shape, overflow) == data.size() && !overflow);
  HEARTH_TRY(AtomicFile file, AtomicFile::create(path));
  HEARTH_TRY_STATUS(file.write(make_header(shape)));
  HEARTH_TRY_STATUS(file.write(std::as_bytes(data)));
  return file.commit();
}

}  // namespace hearth
