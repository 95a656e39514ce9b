// Element types as files store them. Numbers are ggml's (GGUF), so they go to disk unchanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth {

enum class DType : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  iq4_nl = 20,
  iq4_xs = 23,
  bf16 = 30,
};

/// How a dtype lies in memory: `block_elems` values share `block_bytes` bytes.
struct DTypeInfo {
  DType type;
  const char* name;  ///< "q4_0", as users type it
  std::uint32_t block_elems;
  std::uint32_t block_bytes;
};

inline constexpr DTypeInfo kDTypes[] = {
    {DType::f32, "f32", 1, 4},           {DType::f16, "f16", 1, 2},
    {DType::bf16, "bf16", 1, 2},         {DType::q8_0, "q8_0", 32, 34},
    {DType::q4_0, "q4_0", 32, 18},       {DType::q4_1, "q4_1", 32, 20},
    {DType::q5_0, "q5_0", 32, 22},       {DType::q5_1, "q5_1", 32, 24},
    {DType::q2_k, "q2_k", 256, 84},      {DType::q3_k, "q3_k", 256, 110},
    {DType::q4_k, "q4_k", 256, 144},     {DType::q5_k, "q5_k", 256, 176},
    {DType::q6_k, "q6_k", 256, 210},     {DType::iq4_nl, "iq4_nl", 32, 18},
    {DType::iq4_xs, "iq4_xs", 256, 136},
};

/// The row of `kDTypes`, or null for a number that no format defines.
constexpr const DTypeInfo* find_dtype(DType type) {
  for (const DTypeInfo& info : kDTypes)
    if (info.type == type) return &info;
  return nullptr;
}
constexpr const DTypeInfo& dtype_info(DType type) { return *find_dtype(type); }
constexpr const char* name_of(DType type) { return dtype_info(type).name; }

constexpr std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeInfo& info : kDTypes)
    if (name == info.name) return info.type;
  return std::nullopt;
}

/// Bytes of a row of `n` values; `n` must be a multiple of the block.
constexpr std::size_t row_bytes(DType type, std::size_t n) {
  return n / dtype_info(type).block_elems * dtype_info(type).block_bytes;
}

constexpr bool is_quantised(DType type) { return dtype_info(type).block_elems > 1; }

/// Element types of the KV cache.
enum class KvType : std::uint8_t { f32, f16, q8_0 };

}  // namespace hearth
