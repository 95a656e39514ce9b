// Block formats against values computed by ggml: dequantised bits, and the bytes that its reference
// quantisers produce.
#include "base/blocks.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/half.h"
#include "support/data.h"

namespace hearth {
namespace {

using Bytes = std::vector<std::byte>;

Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::vector<float> floats_from_hex(const nlohmann::json& words) {
  std::vector<float> out;
  for (const auto& word : words)
    out.push_back(std::bit_cast<float>(
        static_cast<std::uint32_t>(std::stoul(word.get<std::string>(), nullptr, 16))));
  return out;
}

/// Files name K types "q2_K"; ours are lower case.
std::optional<DType> type_of(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(c));
  return dtype_from_name(name);
}

std::vector<float> random_row(std::size_t n, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.05f);
  std::vector<float> row(n);
  for (float& x : row) x = normal(random);
  return row;
}

std::vector<float> round_trip(DType type, const std::vector<float>& row) {
  Bytes bytes(row_bytes(type, row.size()));
  quantise_row(type, row.data(), bytes.data(), row.size());
  std::vector<float> out(row.size());
  dequantise_row(type, bytes.data(), out.data(), out.size());
  return out;
}

double nmse(const std::vector<float>& x, const std::vector<float>& target) {
  double error = 0, power = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    error += std::pow(double(x[i]) - target[i], 2);
    power += std::pow(double(target[i]), 2);
  }
  return error / power;
}

TEST(Blocks, DequantiseToTheBitsOfGgml) {
  HEARTH_GOLDEN(path, "formats/dequant.json");
  int compared = 0;
  for (const auto& block : nlohmann::json::parse(std::ifstream(path))) {
    auto type = type_of(block["type"]);
    if (!type) continue;  // mxfp4 is not a type of ours
    Bytes bytes = from_hex(block["bytes_hex"]);
    auto expected = floats_from_hex(block["f32_hex"]);
    ASSERT_EQ(bytes.size(), row_bytes(*type, expected.size()));
    std::vector<float> found(expected.size());
    dequantise_row(*type, bytes.data(), found.data(), found.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ(std::bit_cast<std::uint32_t>(found[i]), std::bit_cast<std::uint32_t>(expected[i]))
          << name_of(*type) << " element " << i;
    ++compared;
  }
  EXPECT_EQ(compared, 24);  // two blocks of each of twelve types
}

TEST(Blocks, QuantiseToTheBytesOfGgmlsReference) {
  std::ifstream file(std::string(HEARTH_TEST_DATA) + "/formats/quantise.json");
  ASSERT_TRUE(file.good());
  int compared = 0;
  for (const auto& block : nlohmann::json::parse(file)) {
    auto type = type_of(block["type"]);
    ASSERT_TRUE(type.has_value());
    auto row = floats_from_hex(block["f32_hex"]);
    Bytes expected = from_hex(block["bytes_hex"]), found(expected.size());
    ASSERT_EQ(expected.size(), row_bytes(*type, row.size()));
    quantise_row(*type, row.data(), found.data(), row.size());
    EXPECT_EQ(found, expected) << name_of(*type) << " row of " << row.size();
    ++compared;
  }
  EXPECT_EQ(compared, 30);  // five types on six rows
}

TEST(Blocks, EveryTypeKeepsARandomRowAsWellAsItsBitsAllow) {
  // About twice what was measured; one bit fewer than the type has is four times as much.
  const std::pair<DType, double> kBounds[] = {
      {DType::f32, 0},       {DType::f16, 1e-6},    {DType::bf16, 1e-5},   {DType::q8_0, 5e-5},
      {DType::q4_0, 1.2e-2}, {DType::q4_1, 9e-3},   {DType::q5_0, 3e-3},   {DType::q5_1, 2e-3},
      {DType::q2_k, 0.2},    {DType::q3_k, 6e-2},   {DType::q4_k, 1.1e-2}, {DType::q5_k, 2.5e-3},
      {DType::q6_k, 8e-4},   {DType::iq4_nl, 1e-2}, {DType::iq4_xs, 1e-2},
  };
  ASSERT_EQ(std::size(kBounds), std::size(kDTypes));
  auto row = random_row(4096, 7);
  for (auto [type, bound] : kBounds) {
    double error = nmse(round_trip(type, row), row);
    EXPECT_LE(error, bound) << name_of(type);
    RecordProperty(name_of(type), std::to_string(error));
  }
}

TEST(Blocks, ZerosStayZero) {
  std::vector<float> zeros(256);
  for (const DTypeInfo& info : kDTypes) EXPECT_EQ(round_trip(info.type, zeros), zeros) << info.name;
}

TEST(Blocks, RowsOfOneSignKeepTheirMeanAndSpread) {
  auto row = random_row(1024, 3);
  for (float sign : {1.0f, -1.0f}) {
    std::vector<float> shifted;
    for (float x : row) shifted.push_back(sign * (1 + x));
    for (const DTypeInfo& info : kDTypes)
      EXPECT_LT(nmse(round_trip(info.type, shifted), shifted), 0.05) << info.name << sign;
  }
}

TEST(Blocks, WeightsThatAreNotFiniteAreSafe) {
  for (float bad : {NAN, INFINITY, -INFINITY, 3e38f, 1e-42f}) {
    std::vector<float> row(256, 0.5f);
    row[17] = bad;
    row[200] = -bad;
    for (const DTypeInfo& info : kDTypes) EXPECT_EQ(round_trip(info.type, row).size(), row.size());
  }
}

TEST(Blocks, HalvesOfARowAreExact) {
  std::vector<float> row;
  for (std::uint32_t bits = 0; bits < 0x7c00; ++bits)
    row.push_back(to_f32(f16{static_cast<std::uint16_t>(bits)}));
  EXPECT_EQ(round_trip(DType::f16, row), row);
  for (float& x : row) x = to_f32(to_bf16(x));
  EXPECT_EQ(round_trip(DType::bf16, row), row);
  EXPECT_EQ(round_trip(DType::f32, row), row);
}

TEST(Blocks, ScalesOfKTypesUseAllSixBits) {
  // Scale g is 8g + 7 and minimum g is 63 - 8g, packed by the layout's table.
  std::uint8_t scales[12] = {};
  for (int g = 0; g < 4; ++g) {
    int low = 8 * g + 7, high = 8 * (g + 4) + 7, low_min = 63 - 8 * g, high_min = 63 - 8 * (g + 4);
    scales[g] = static_cast<std::uint8_t>(low | (high >> 4) << 6);
    scales[g + 4] = static_cast<std::uint8_t>(low_min | (high_min >> 4) << 6);
    scales[g + 8] = static_cast<std::uint8_t>((high & 15) | (high_min & 15) << 4);
  }
  for (int g = 0; g < 8; ++g) {
    EXPECT_EQ(k_scale_min(scales, g).scale, 8 * g + 7);
    EXPECT_EQ(k_scale_min(scales, g).min, 63 - 8 * g);
  }
}

}  // namespace
}  // namespace hearth
