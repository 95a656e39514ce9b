#include "base/blocks.h"
#include "models/model.h"

namespace hearth {
namespace {

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

}  // namespace

const StoredTensor* Loader::require(const std::string& name, std::vector<std::uint64_t> shape) {
  const StoredTensor* tensor = checkpoint_.find(name);
  if (!tensor) {
    fail(bad_input(checkpoint_.where + ": tensor " + name + " is missing, expected shape " +
                   shape_text(shape)));
    return nullptr;
  }
  // A convolution kernel is a matrix to us, and files may drop or keep dimensions of 1.
  std::uint64_t rows = tensor->shape.empty() ? 1 : tensor->shape[0];
  bool matches = shape.size() == 1 ? tensor->elements() == shape[0]
                                   : rows == shape[0] && tensor->elements() == shape[0] * shape[1];
  if (!matches) {
    fail(bad_input(checkpoint_.where + ": tensor " + name + ": expected shape " +
                   shape_text(shape) + ", found " + shape_text(tensor->shape)));
    return nullptr;
  }
  if (report_) report_(tensor->data.size());
  return tensor;
}

Status Loader::choose_tower(const std::string& precision) {
  tower_.reset();
  if (precision == "auto") return {};
  if (precision == "f32") return tower_ = Arithmetic::f32, Status();
  if (precision == "int8") return tower_ = Arithmetic::int8, Status();
  return bad_input("--vision-precision: expected auto, f32 or int8, found \"" + precision + "\"");
}

RawWeight Loader::matrix(const std::string& name, std::int64_t n, std::int64_t k) {
  RawWeight raw;
  const StoredTensor* tensor =
      require(name, {static_cast<std::uint64_t>(n), static_cast<std::uint64_t>(k)});
  if (!tensor) return raw;
  raw.name = name;
  raw.type = tensor->type;
  raw.n = n;
  raw.k = k;
  raw.data = tensor->data;
  raw.mapped = tensor->mapped;
  return raw;
}

Weight Loader::table(const std::string& name, std::int64_t n, std::int64_t k, Use use) {
  RawWeight raw = matrix(name, n, k);
  if (!status_) return {};
  return ops_.prepare(raw, use);
}

Linear Loader::linear(const std::string& name, std::int64_t n, std::int64_t k,
                      std::vector<std::int32_t> row_order) {
  RawWeight raw = matrix(name + ".weight", n, k);
  if (!status_) return {};
  raw.arithmetic = arithmetic_;
  Linear linear;
  if (has(name + ".bias")) {
    std::vector<float> bias = floats(name + ".bias", n);
    if (!status_) return {};
    std::vector<float> ordered = bias;
    for (std::size_t i = 0; i < row_order.size(); ++i)
      ordered[i] = bias[static_cast<std::size_t>(row_order[i])];
    linear.bias = ops_.prepare(ordered);
  }
  raw.row_order = std::move(row_order);
  linear.weight = ops_.prepare(raw, Use::linear);
  return linear;
}

Linear Loader::biased(const std::string& name, std::int64_t n, std::int64_t k,
                      std::vector<std::int32_t> row_order) {
  if (!has(name + ".bias")) require(name + ".bias", {static_cast<std::uint64_t>(n)});
  return linear(name, n, k, std::move(row_order));
}

std::vector<float> Loader::floats(const std::string& name, std::int64_t n) {
  std::vector<float> out(static_cast<std::size_t>(n));
  const StoredTensor* tensor = require(name, {static_cast<std::uint64_t>(n)});
  if (!tensor || !status_) return out;
  if (n % dtype_info(tensor->type).block_elems != 0) {
    fail(bad_input(checkpoint_.where + ": tensor " + name + ": " + name_of(tensor->type) +
                   " does not divide " + std::to_string(n) + " values"));
    return out;
  }
  dequantise_row(tensor->type, tensor->data.data(), out.data(), out.size());
  return out;
}

Vec Loader::vec(const std::string& name, std::int64_t n) {
  std::vector<float> values = floats(name, n);
  return status_ ? ops_.prepare(values) : Vec{};
}

std::vector<std::int32_t> rotary_row_order(int heads, int head_dim) {
  std::vector<std::int32_t> order;
  const int half = head_dim / 2;
  for (int h = 0; h < heads; ++h)
    for (int p = 0; p < 2; ++p)
      for (int j = 0; j < half; ++j) order.push_back(h * head_dim + 2 * j + p);
  return order;
}

}  // namespace hearth
