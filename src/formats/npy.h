// NumPy's .npy, little-endian float32 in C order only: what parity work exchanges.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

struct NpyArray {
  std::vector<std::size_t> shape;  ///< outermost first; empty: one value
  std::vector<float> data;
};

/// Errors are `bad_input`: not an .npy file, another type or order, shape and size that disagree.
Result<NpyArray> read_npy(const std::filesystem::path& path);
/// The same over bytes; `where` goes into errors.
Result<NpyArray> parse_npy(std::span<const std::byte> bytes, std::string_view where);

/// The file appears whole or not at all.
Status write_npy(const std::filesystem::path& path, std::span<const std::size_t> shape,
                 std::span<const float> data);

}  // namespace hearth
