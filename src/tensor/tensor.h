// Tensor: a view of rows in a backend's buffer. It is trivially copyable, owns nothing and holds no
// raw pointer: host memory is reached only through Ops::read().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace hearth {

/// Element types of activations. `q8a` is opaque: int8 rows with scales, made by a producer
/// (rms_norm, gated, linear …) for the linear that reads it; reference and Tape treat it as f32.
enum class Elem : std::uint8_t { f32, q8a };

class Buffer;  // a backend's own

/// [rows, cols], rows `row_stride` bytes apart. `id` numbers tensors in the order they were made.
struct Tensor {
  Buffer* buffer = nullptr;
  std::size_t offset = 0;  ///< bytes into the buffer
  std::int64_t rows = 0, cols = 0;
  std::size_t row_stride = 0;
  Elem dtype = Elem::f32;
  std::uint64_t id = 0;

  explicit operator bool() const { return buffer != nullptr; }
};

/// How products with a weight are computed.
enum class Arithmetic : std::uint8_t {
  stored,  ///< quantised ones on 8-bit activations, the others in f32
  int8,    ///< float ones as q8_0 too
  f32,     ///< quantised ones widened to f32
};

/// A matrix as a file stores it: y = W·x with W [n, k], one row after another.
struct RawWeight {
  std::string name;  ///< of the tensor; "" where nobody will look for its packed form again
  DType type = DType::f32;
  std::int64_t n = 0, k = 0;
  std::span<const std::byte> data;      ///< n rows of row_bytes(type, k); must stay mapped
  std::vector<std::int32_t> row_order;  ///< row i of W is stored row row_order[i]; empty: as stored
  bool mapped = false;  ///< the bytes are a file's: pages may be dropped after packing
  Arithmetic arithmetic = Arithmetic::stored;
};

/// What a weight will be asked for.
enum class Use : std::uint8_t { linear, gather, both };

/// A prepared weight: the backend owns the packed form; the raw blocks stay reachable for gather.
struct PreparedWeight {
  virtual ~PreparedWeight() = default;
};
struct Weight {
  std::int64_t n = 0, k = 0;
  std::shared_ptr<const PreparedWeight> prepared;

  explicit operator bool() const { return prepared != nullptr; }
};

/// A prepared f32 vector: a norm's weight, a bias, rotary frequency factors.
struct Vec {
  std::int64_t n = 0;
  std::shared_ptr<const PreparedWeight> prepared;

  explicit operator bool() const { return prepared != nullptr; }
};

/// A linear map with its bias.
struct Linear {
  Weight weight;
  Vec bias;  ///< may be empty

  explicit operator bool() const { return static_cast<bool>(weight); }
};

}  // namespace hearth
