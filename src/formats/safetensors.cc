#include "formats/safetensors.h"

#include <algorithm>
#include <cstring>

#include "formats/json.h"
#include "formats/quote.h"

namespace hearth {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }

/// Bits of a value for every dtype of the format; 0 for a name it does not have.
std::uint64_t bits_of(std::string_view dtype) {
  static constexpr std::pair<std::string_view, std::uint64_t> kBits[] = {
      {"F32", 32},    {"F16", 16},    {"BF16", 16},   {"F64", 64},    {"BOOL", 8},
      {"U8", 8},      {"I8", 8},      {"U16", 16},    {"I16", 16},    {"U32", 32},
      {"I32", 32},    {"U64", 64},    {"I64", 64},    {"F8_E4M3", 8}, {"F8_E5M2", 8},
      {"F8_E8M0", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},      {"C64", 64},
  };
  for (auto [name, bits] : kBits)
    if (name == dtype) return bits;
  return 0;
}

std::optional<DType> readable(std::string_view dtype) {
  if (dtype == "F32") return DType::f32;
  if (dtype == "F16") return DType::f16;
  if (dtype == "BF16") return DType::bf16;
  return std::nullopt;
}

/// One tensor of the header. Begin and end are offsets in the data part.
struct HeaderEntry {
  std::string name, dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

Result<std::vector<std::uint64_t>> read_numbers(const Json& entry, const char* key,
                                                const std::string& where) {
  auto found = entry.find(key);
  if (found == entry.end() || !found->is_array())
    return bad_input(where + "expected an array " + quote_name(key));
  std::vector<std::uint64_t> numbers;
  for (const Json& number : *found) {
    if (!number.is_number_unsigned())
      return bad_input(where + quote_name(key) + " must hold integers from 0 to 2^64 - 1");
    numbers.push_back(number.get<std::uint64_t>());
  }
  return numbers;
}

/// Bytes that a shape takes; every product is checked.
Result<std::uint64_t> bytes_of(const HeaderEntry& entry, const std::string& where) {
  std::uint64_t bits = bits_of(entry.dtype);
  if (bits == 0) return bad_input(where + "dtype " + quote_name(entry.dtype) + " is unknown");
  // A zero anywhere makes the tensor empty, whatever the other dims multiply to.
  if (std::find(entry.shape.begin(), entry.shape.end(), 0) != entry.shape.end())
    return std::uint64_t{0};
  for (std::uint64_t dim : entry.shape)
    if (__builtin_mul_overflow(bits, dim, &bits))
      return bad_input(where + "the size of its shape exceeds 64 bits");
  if (bits % 8 != 0) return bad_input(where + "its values do not fill whole bytes");
  return bits / 8;
}

Result<HeaderEntry> read_entry(const std::string& name, const Json& json, std::uint64_t data_size,
                               const std::string& file) {
  std::string where = file + ": tensor " + quote_name(name) + ": ";
  if (!json.is_object()) return bad_input(where + "expected an object");
  HeaderEntry entry{name, {}, {}, 0, 0};
  auto dtype = json.find("dtype");
  if (dtype == json.end() || !dtype->is_string())
    return bad_input(where + "expected a string \"dtype\"");
  entry.dtype = dtype->get<std::string>();
  HEARTH_TRY(entry.shape, read_numbers(json, "shape", where));
  HEARTH_TRY(auto offsets, read_numbers(json, "data_offsets", where));
  if (offsets.size() != 2) {
    return bad_input(where + "expected two \"data_offsets\", found " + text(offsets.size()));
  }
  entry.begin = offsets[0], entry.end = offsets[1];
  if (entry.begin > entry.end || entry.end > data_size) {
    return bad_input(where + "bytes " + text(entry.begin) + " to " + text(entry.end) +
                     " are not in order or not inside the " + text(data_size) +
                     " bytes of data (is the file truncated?)");
  }
  HEARTH_TRY(std::uint64_t bytes, bytes_of(entry, where));
  if (bytes != entry.end - entry.begin) {
    return bad_input(where + "dtype and shape need " + text(bytes) + " bytes, data_offsets give " +
                     text(entry.end - entry.begin));
  }
  return entry;
}

/// Sorted ranges must cover the data exactly: no sharing, no hole, nothing behind the last.
Status check_tiling(std::vector<HeaderEntry>& entries, std::uint64_t data_size,
                    const std::string& file) {
  std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t covered = 0;
  for (const HeaderEntry& e : entries) {
    if (e.begin != covered) {
      return bad_input(file + ": tensor " + quote_name(e.name) + ": begins at byte " +
                       text(e.begin) + ", expected " + text(covered) + ": ranges must " +
                       (e.begin < covered ? "not overlap" : "leave no hole"));
    }
    covered = e.end;
  }
  if (covered == data_size) return {};
  return bad_input(file + ": " + text(data_size) + " bytes of data, the tensors cover " +
                   text(covered));
}

Result<std::map<std::string, std::string>> read_metadata(const Json& json,
                                                         const std::string& file) {
  std::map<std::string, std::string> metadata;
  if (json.is_null()) return metadata;
  bool good = json.is_object();
  if (good) {
    for (const auto& [key, value] : json.items()) {
      good = good && value.is_string();
      if (value.is_string()) metadata[key] = value.get<std::string>();
    }
  }
  if (!good) return bad_input(file + ": \"__metadata__\" must map strings to strings");
  return metadata;
}

struct Parts {
  std::string_view header;
  std::span<const std::byte> data;
};

Result<Parts> split(std::span<const std::byte> bytes, const std::string& file) {
  constexpr std::size_t kPrefix = 8;
  if (bytes.size() < kPrefix) {
    return bad_input(file + ": not a safetensors file: " + text(bytes.size()) +
                     " bytes, the header length alone takes 8");
  }
  std::uint64_t length;
  std::memcpy(&length, bytes.data(), kPrefix);
  std::uint64_t left = bytes.size() - kPrefix;
  if (length > left) {
    return bad_input(file + ": header of " + text(length) + " bytes, the file has " + text(left) +
                     " left (not a safetensors file, or truncated)");
  }
  if (length > SafetensorsFile::kLongestHeader) {
    return bad_input(file + ": header of " + text(length) + " bytes, the limit is " +
                     text(SafetensorsFile::kLongestHeader));
  }
  std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kPrefix, length);
  if (!header.starts_with('{')) return bad_input(file + ": the header must begin with '{'");
  return Parts{header, bytes.subspan(kPrefix + length)};
}

}  // namespace

std::uint64_t SafetensorsTensor::elements() const { return data.size() / row_bytes(dtype, 1); }

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  HEARTH_TRY(MappedFile map, MappedFile::open(path));
  HEARTH_TRY(SafetensorsFile file, parse(map.bytes(), path.string()));
  file.map_ = std::move(map);
  return file;
}

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes, std::string name) {
  SafetensorsFile file;
  file.name_ = std::move(name);
  HEARTH_TRY(Parts parts, split(bytes, file.name_));
  constexpr int kDeepest = 8;  // an entry's arrays are at depth 3
  HEARTH_TRY(Json header,
             parse_json(parts.header, file.name_ + " (header)", kDeepest, Duplicates::refuse));
  std::vector<HeaderEntry> entries;
  for (const auto& [key, value] : header.items()) {
    if (key == "__metadata__") {
      HEARTH_TRY(file.metadata_, read_metadata(value, file.name_));
      continue;
    }
    HEARTH_TRY(HeaderEntry entry, read_entry(key, value, parts.data.size(), file.name_));
    entries.push_back(std::move(entry));
  }
  HEARTH_TRY_STATUS(check_tiling(entries, parts.data.size(), file.name_));
  for (auto& e : entries) {
    Entry& entry = file.index_[e.name];
    entry.dtype = e.dtype;
    auto dtype = readable(e.dtype);
    if (!dtype) continue;
    entry.tensor = file.tensors_.size();
    file.tensors_.push_back({std::move(e.name), *dtype, std::move(e.shape),
                             parts.data.subspan(e.begin, e.end - e.begin)});
  }
  return file;
}

bool SafetensorsFile::has(std::string_view tensor) const { return index_.contains(tensor); }

std::vector<std::string_view> SafetensorsFile::names() const {
  std::vector<std::string_view> names;
  for (const auto& [name, entry] : index_) names.push_back(name);
  return names;
}

Result<const SafetensorsTensor*> SafetensorsFile::find(std::string_view tensor) const {
  auto found = index_.find(tensor);
  if (found == index_.end()) return static_cast<const SafetensorsTensor*>(nullptr);
  const Entry& entry = found->second;
  if (entry.tensor) return &tensors_[*entry.tensor];
  return bad_input(name_ + ": tensor " + quote_name(tensor) + ": dtype " + entry.dtype +
                   " is not supported; supported are: F32 F16 BF16");
}

}  // namespace hearth
