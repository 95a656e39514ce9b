// The parser: a cursor that can only read what is there, then metadata, tensor entries, data
// ranges.
#include "formats/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "formats/quote.h"

namespace hearth::gguf {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF bytes are used in place");

// Limits no real file comes near; they bound our own tables on a large hostile file.
constexpr std::uint64_t kMostKeys = 1 << 16;
constexpr std::uint64_t kMostTensors = 1 << 18;
constexpr std::uint64_t kLongestName = 65535;
constexpr std::uint64_t kLargestAlignment = 1 << 16;
constexpr int kDeepestArray = 4;

// The smallest entry of each kind, so that a count can be compared with the bytes left.
constexpr std::uint64_t kSmallestKey = 8 + 1 + 4 + 1;             // name, type, a byte
constexpr std::uint64_t kSmallestTensor = 8 + 1 + 4 + 8 + 4 + 8;  // name, rank, dim, type, offset
constexpr std::uint64_t kSmallestString = 8, kSmallestArray = 4 + 8;

constexpr const char* kTypeNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                      "bool", "string", "array", "u64", "i64", "f64"};
constexpr std::uint32_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

std::string text(std::uint64_t number) { return std::to_string(number); }

/// Reads forward; every read is compared with what is left. Errors name the file and the entry.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  std::uint64_t offset() const { return at_; }
  std::uint64_t left() const { return bytes_.size() - at_; }

  /// Which entry errors are about, from now on.
  void enter(const char* kind, std::uint64_t index) { kind_ = kind, index_ = index, name_ = {}; }
  void enter(const char* kind, std::string_view name) { kind_ = kind, name_ = name; }

  Error error(const std::string& message) const {
    std::string where = file_ + ": ";
    if (kind_) {
      where += std::string(kind_) + " ";
      where += name_.data() ? quote_name(name_) : "#" + text(index_);
      where += ": ";
    }
    return bad_input(where + message);
  }

  Result<std::span<const std::byte>> take(std::uint64_t n, const char* what) {
    if (n > left()) {
      return error(std::string(what) + " needs " + text(n) + " bytes at offset " + text(at_) +
                   ", the file has " + text(left()) + " left");
    }
    auto taken = bytes_.subspan(at_, n);
    at_ += n;
    return taken;
  }

  template <class T>
  Result<T> read(const char* what) {
    HEARTH_TRY(auto raw, take(sizeof(T), what));
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }

  Result<std::string_view> string(const char* what) {
    HEARTH_TRY(auto length, read<std::uint64_t>(what));
    HEARTH_TRY(auto raw, take(length, what));
    // An empty view still points into the file: "absent" is never confused with "empty".
    return std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size());
  }

  Result<std::string_view> name(const char* what) {
    HEARTH_TRY(auto name, string(what));
    if (name.empty()) return error(std::string(what) + " is empty");
    if (name.size() > kLongestName) {
      return error(std::string(what) + " has " + text(name.size()) + " bytes, at most " +
                   text(kLongestName) + " are allowed");
    }
    return name;
  }

  /// A count of entries that take at least `smallest` bytes each.
  Result<std::uint64_t> count(const char* what, std::uint64_t smallest) {
    HEARTH_TRY(auto count, read<std::uint64_t>(what));
    if (count > left() / smallest) {
      return error(std::string(what) + " is " + text(count) + ", the " + text(left()) +
                   " bytes left hold at most " + text(left() / smallest));
    }
    return count;
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& file_;
  std::uint64_t at_ = 0;
  const char* kind_ = nullptr;
  std::uint64_t index_ = 0;
  std::string_view name_;
};

Result<Type> read_type(Cursor& in, const char* what) {
  HEARTH_TRY(auto number, in.read<std::uint32_t>(what));
  if (number >= std::size(kTypeNames)) {
    return in.error(std::string(what) + " " + text(number) + " is unknown, expected 0 to 12");
  }
  return static_cast<Type>(number);
}

std::uint64_t smallest_element(Type type) {
  if (type == Type::string) return kSmallestString;
  if (type == Type::array) return kSmallestArray;
  return kSizes[static_cast<std::uint32_t>(type)];
}

Status check_bools(Cursor& in, std::span<const std::byte> raw) {
  for (std::byte b : raw) {
    if (b > std::byte{1}) {
      return in.error("a bool is 0 or 1, found " + text(std::to_integer<unsigned>(b)));
    }
  }
  return {};
}

Result<Array> read_array(Cursor& in, int depth) {
  Array array;
  HEARTH_TRY(array.element, read_type(in, "array element type"));
  HEARTH_TRY(array.count, in.count("array length", smallest_element(array.element)));
  if (array.element == Type::string) {
    array.strings.reserve(array.count);
    for (std::uint64_t i = 0; i < array.count; ++i) {
      HEARTH_TRY(auto string, in.string("array string"));
      array.strings.push_back(string);
    }
  } else if (array.element == Type::array) {
    // Legal but used by nobody: checked and stepped over.
    if (depth == kDeepestArray) return in.error("arrays nested deeper than " + text(depth));
    for (std::uint64_t i = 0; i < array.count; ++i) {
      HEARTH_TRY([[maybe_unused]] auto inner, read_array(in, depth + 1));
    }
  } else {
    HEARTH_TRY(array.raw, in.take(array.count * smallest_element(array.element), "array"));
    if (array.element == Type::boolean) HEARTH_TRY_STATUS(check_bools(in, array.raw));
  }
  return array;
}

template <class Stored, class Held>
Result<Value> read_scalar(Cursor& in, Type type) {
  HEARTH_TRY(auto value, in.read<Stored>("value"));
  return Value{type, static_cast<Held>(value)};
}

Result<Value> read_value(Cursor& in) {
  HEARTH_TRY(Type type, read_type(in, "value type"));
  switch (type) {
    case Type::u8:
      return read_scalar<std::uint8_t, std::uint64_t>(in, type);
    case Type::u16:
      return read_scalar<std::uint16_t, std::uint64_t>(in, type);
    case Type::u32:
      return read_scalar<std::uint32_t, std::uint64_t>(in, type);
    case Type::u64:
      return read_scalar<std::uint64_t, std::uint64_t>(in, type);
    case Type::i8:
      return read_scalar<std::int8_t, std::int64_t>(in, type);
    case Type::i16:
      return read_scalar<std::int16_t, std::int64_t>(in, type);
    case Type::i32:
      return read_scalar<std::int32_t, std::int64_t>(in, type);
    case Type::i64:
      return read_scalar<std::int64_t, std::int64_t>(in, type);
    case Type::f32:
      return read_scalar<float, double>(in, type);
    case Type::f64:
      return read_scalar<double, double>(in, type);
    case Type::boolean: {
      HEARTH_TRY(auto raw, in.take(1, "value"));
      HEARTH_TRY_STATUS(check_bools(in, raw));
      return Value{type, raw[0] == std::byte{1}};
    }
    case Type::string: {
      HEARTH_TRY(auto string, in.string("string"));
      return Value{type, string};
    }
    case Type::array: {
      HEARTH_TRY(Array array, read_array(in, 1));
      return Value{type, std::move(array)};
    }
  }
  return in.error("value type is unknown");
}

struct Header {
  std::uint32_t version = 0;
  std::uint64_t tensors = 0, keys = 0;
};

Result<Header> read_header(Cursor& in) {
  constexpr std::string_view kMagic = "GGUF";
  HEARTH_TRY(auto magic, in.take(4, "the magic \"GGUF\""));
  std::string_view found(reinterpret_cast<const char*>(magic.data()), magic.size());
  if (found != kMagic) {
    return in.error("not a GGUF file: expected the magic \"GGUF\", found " + quote_name(found));
  }
  Header header;
  HEARTH_TRY(header.version, in.read<std::uint32_t>("version"));
  if (header.version != 2 && header.version != 3) {
    // A big-endian file is recognised by a version that makes sense only with its bytes swapped.
    bool swapped = header.version != 0 && (header.version & 0xffffff) == 0;
    return in.error(swapped ? "a big-endian GGUF file; only little-endian files are supported"
                            : "GGUF version " + text(header.version) +
                                  " is not supported, expected 2 or 3");
  }
  HEARTH_TRY(header.tensors, in.count("number of tensors", kSmallestTensor));
  HEARTH_TRY(header.keys, in.count("number of metadata keys", kSmallestKey));
  if (header.tensors > kMostTensors || header.keys > kMostKeys) {
    return in.error(text(header.tensors) + " tensors and " + text(header.keys) +
                    " metadata keys, at most " + text(kMostTensors) + " and " + text(kMostKeys) +
                    " are supported");
  }
  return header;
}

/// Types of other engines that we can at least name.
std::string type_text(std::uint32_t type) {
  static constexpr std::pair<std::uint32_t, const char*> kOthers[] = {
      {4, "q4_2"},    {5, "q4_3"},     {9, "q8_1"},   {15, "q8_k"},  {16, "iq2_xxs"},
      {17, "iq2_xs"}, {18, "iq3_xxs"}, {19, "iq1_s"}, {21, "iq3_s"}, {22, "iq2_s"},
      {24, "i8"},     {25, "i16"},     {26, "i32"},   {27, "i64"},   {28, "f64"},
      {29, "iq1_m"},  {34, "tq1_0"},   {35, "tq2_0"}, {39, "mxfp4"},
  };
  for (auto [number, name] : kOthers)
    if (number == type) return text(type) + " (" + name + ")";
  return text(type);
}

std::string supported_types() {
  std::string names;
  for (const DTypeInfo& info : kDTypes)
    names += (names.empty() ? "" : " ") + std::string(info.name);
  return names;
}

std::string dims_text(const TensorInfo& tensor) {
  std::string out = "[" + text(tensor.dims[0]);
  for (int i = 1; i < tensor.n_dims; ++i) out += ", " + text(tensor.dims[i]);
  return out + "]";
}

/// Bytes of the tensor, from its dims and type; every product is checked.
Result<std::uint64_t> tensor_bytes(Cursor& in, const TensorInfo& tensor) {
  const DTypeInfo& type = dtype_info(tensor.type);
  std::uint64_t elements = 1, bytes = 0;
  for (std::uint64_t dim : tensor.dims) {
    if (dim < 1) return in.error("dimensions " + dims_text(tensor) + ": each must be at least 1");
    if (__builtin_mul_overflow(elements, dim, &elements))
      return in.error("dimensions " + dims_text(tensor) + ": the product exceeds 64 bits");
  }
  if (tensor.dims[0] % type.block_elems != 0) {
    return in.error("rows of " + text(tensor.dims[0]) + " values, " + type.name +
                    " needs a multiple of " + text(type.block_elems));
  }
  if (__builtin_mul_overflow(elements / type.block_elems, std::uint64_t{type.block_bytes}, &bytes))
    return in.error("dimensions " + dims_text(tensor) + ": the size in bytes exceeds 64 bits");
  return bytes;
}

/// A tensor's entry before the start of the data is known.
struct Entry {
  TensorInfo info;
  std::uint64_t offset = 0, bytes = 0;
};

Result<Entry> read_entry(Cursor& in) {
  Entry entry;
  TensorInfo& info = entry.info;
  HEARTH_TRY(info.name, in.name("name"));
  in.enter("tensor", info.name);
  HEARTH_TRY(auto n_dims, in.read<std::uint32_t>("number of dimensions"));
  if (n_dims < 1 || n_dims > 4) return in.error(text(n_dims) + " dimensions, expected 1 to 4");
  info.n_dims = static_cast<int>(n_dims);
  for (std::uint32_t i = 0; i < n_dims; ++i) {
    HEARTH_TRY(info.dims[i], in.read<std::uint64_t>("dimension"));
  }
  HEARTH_TRY(auto type, in.read<std::uint32_t>("type"));
  info.type = static_cast<DType>(type);
  if (!find_dtype(info.type)) {
    return in.error("type " + type_text(type) +
                    " is not supported; supported are: " + supported_types());
  }
  HEARTH_TRY(entry.offset, in.read<std::uint64_t>("offset"));
  HEARTH_TRY(entry.bytes, tensor_bytes(in, info));
  return entry;
}

/// Gives each tensor its bytes: aligned, inside the data, disjoint from every other.
Status place(Cursor& in, std::span<const std::byte> data, std::uint64_t alignment,
             std::vector<Entry>& entries) {
  for (Entry& e : entries) {
    in.enter("tensor", e.info.name);
    if (e.offset % alignment != 0) {
      return in.error("offset " + text(e.offset) + " is not a multiple of the alignment " +
                      text(alignment));
    }
    if (e.offset > data.size() || e.bytes > data.size() - e.offset) {
      return in.error(text(e.bytes) + " bytes at offset " + text(e.offset) +
                      " reach past the end: the file holds " + text(data.size()) +
                      " bytes of tensor data (is it truncated?)");
    }
    e.info.data = data.subspan(e.offset, e.bytes);
  }
  std::vector<const Entry*> order(entries.size());
  std::transform(entries.begin(), entries.end(), order.begin(), [](Entry& e) { return &e; });
  std::sort(order.begin(), order.end(), [](auto a, auto b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (order[i]->offset - order[i - 1]->offset < order[i - 1]->bytes) {
      in.enter("tensor", order[i]->info.name);
      return in.error("its bytes overlap those of " + quote_name(order[i - 1]->info.name));
    }
  }
  return {};
}

Result<std::uint64_t> alignment_of(Cursor& in, const Value* value) {
  if (!value) return std::uint64_t{32};
  in.enter("metadata", "general.alignment");
  if (value->type != Type::u32) {
    return in.error(std::string("expected type u32, found ") +
                    kTypeNames[static_cast<std::uint32_t>(value->type)]);
  }
  std::uint64_t alignment = std::get<std::uint64_t>(value->data);
  if (!std::has_single_bit(alignment) || alignment > kLargestAlignment) {
    return in.error("expected a power of two from 1 to " + text(kLargestAlignment) + ", found " +
                    text(alignment));
  }
  return alignment;
}

}  // namespace

Result<File> File::open(const std::filesystem::path& path) {
  HEARTH_TRY(MappedFile map, MappedFile::open(path));
  HEARTH_TRY(File file, parse(map.bytes(), path.string()));
  file.map_ = std::move(map);
  return file;
}

Result<File> File::parse(std::span<const std::byte> bytes, std::string name) {
  File file;
  file.name_ = std::move(name);
  file.bytes_ = bytes;
  Cursor in(bytes, file.name_);
  HEARTH_TRY(Header header, read_header(in));
  file.version_ = header.version;

  for (std::uint64_t i = 0; i < header.keys; ++i) {
    in.enter("metadata", i);
    HEARTH_TRY(std::string_view key, in.name("key"));
    in.enter("metadata", key);
    if (!file.key_index_.emplace(key, i).second) return in.error("the key appears twice");
    HEARTH_TRY(Value value, read_value(in));
    file.metadata_.emplace_back(key, std::move(value));
  }
  HEARTH_TRY(std::uint64_t alignment, alignment_of(in, file.find("general.alignment")));

  std::vector<Entry> entries;
  for (std::uint64_t i = 0; i < header.tensors; ++i) {
    in.enter("tensor", i);
    HEARTH_TRY(Entry entry, read_entry(in));
    if (!file.tensor_index_.emplace(entry.info.name, i).second)
      return in.error("the name appears twice");
    entries.push_back(entry);
  }
  // A vocabulary has no tensors and may end right here, without padding.
  std::uint64_t padding = (alignment - in.offset() % alignment) % alignment;
  auto data = bytes.subspan(in.offset() + std::min(padding, in.left()));
  HEARTH_TRY_STATUS(place(in, data, alignment, entries));
  for (const Entry& entry : entries) file.tensors_.push_back(entry.info);
  return file;
}

}  // namespace hearth::gguf
