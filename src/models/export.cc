#include "models/export.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/blocks.h"
#include "base/files.h"
#include "models/model.h"
#include "models/validate.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

/// llama.cpp's number for "mostly this type" (general.file_type).
std::uint32_t file_type(DType type) {
  switch (type) {
    case DType::f32:
      return 0;
    case DType::f16:
      return 1;
    case DType::q4_0:
      return 2;
    case DType::q8_0:
      return 7;
    default:
      return 32;  // bf16
  }
}

/// Bytes of both files, for progress.
struct Meter {
  std::function<bool(std::uint64_t, std::uint64_t)> report;
  std::uint64_t done = 0, total = 0;

  bool add(std::uint64_t bytes) {
    done += bytes;
    return !report || report(done, total);
  }
};

/// How one tensor goes to disk.
struct Plan {
  StoredTensor from;
  DType type = DType::f32;
  std::vector<std::int32_t> row_order;  ///< row i of the file is row row_order[i]; empty: the same

  std::uint64_t row() const { return from.shape.empty() ? 1 : from.shape.back(); }
  std::uint64_t rows() const { return row() == 0 ? 0 : from.elements() / row(); }
  std::uint64_t bytes() const { return row_bytes(type, row()) * rows(); }
};

Status write_rows(const Plan& plan, Meter& meter, const gguf::Writer::Sink& sink) {
  const std::size_t k = plan.row(), rows = plan.rows();
  const std::size_t from_stride = row_bytes(plan.from.type, k), stride = row_bytes(plan.type, k);
  const std::size_t rows_each = std::max<std::size_t>(1, (std::size_t{1} << 20) / (stride + 1));
  std::vector<float> values(k);
  std::vector<std::byte> out;
  for (std::size_t first = 0; first < rows; first += rows_each) {
    const std::size_t last = std::min(rows, first + rows_each);
    out.resize((last - first) * stride);
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t row =
          plan.row_order.empty() ? i : static_cast<std::size_t>(plan.row_order[i]);
      const std::byte* from = plan.from.data.data() + row * from_stride;
      std::byte* to = out.data() + (i - first) * stride;
      if (plan.type == plan.from.type) {
        std::copy_n(from, stride, to);
      } else {
        dequantise_row(plan.from.type, from, values.data(), k);
        quantise_row(plan.type, values.data(), to, k);
      }
    }
    HEARTH_TRY_STATUS(sink(out));
    if (!meter.add(out.size())) return cancelled();
  }
  if (plan.from.mapped) MappedFile::release(plan.from.data);
  return {};
}

/// "blk.7.x" → "blk.0007.x", so that layers sort as they run.
std::string sort_key(const std::string& name) {
  std::string key;
  for (std::size_t i = 0; i < name.size();) {
    std::size_t digits = 0;
    while (i + digits < name.size() && name[i + digits] >= '0' && name[i + digits] <= '9') ++digits;
    if (digits > 0 && digits < 6) key.append(6 - digits, '0');
    key.append(name, i, std::max<std::size_t>(digits, 1));
    i += std::max<std::size_t>(digits, 1);
  }
  // The file in the order in which a forward pass reads it.
  const bool first = key.starts_with("token_embd") || key.find("patch_embd") != key.npos;
  const bool last = key.starts_with("output") || key.starts_with("mm.");
  return (first ? "0" : last ? "2" : "1") + key;
}

/// Stored row i is row order[i] of the result; the other way round.
std::vector<std::int32_t> inverse(const std::vector<std::int32_t>& order) {
  std::vector<std::int32_t> out(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    out[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
  return out;
}

class Exporter {
 public:
  Exporter(const Checkpoint& checkpoint, DType type, std::shared_ptr<Meter> meter)
      : checkpoint_(checkpoint), type_(type), meter_(std::move(meter)) {}

  void general(const std::string& type, const std::string& name) {
    out.string("general.architecture", checkpoint_.architecture);
    out.string("general.type", type);
    out.string("general.name", name);
    out.u32("general.file_type", file_type(type_));
    out.u32("general.quantization_version", 2);
  }

  Status hyper_parameters() {
    for (const auto& [key, value] : checkpoint_.meta) {
      const std::string name = checkpoint_.architecture + "." + key;
      if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        if (*integer < 0 || *integer > UINT32_MAX)
          return bad_input(checkpoint_.where + ": " + name + " is " + std::to_string(*integer) +
                           ", expected 0 to " + std::to_string(UINT32_MAX));
        out.u32(name, static_cast<std::uint32_t>(*integer));
      } else if (const auto* number = std::get_if<double>(&value)) {
        out.f32(name, static_cast<float>(*number));
      } else if (const auto* flag = std::get_if<bool>(&value)) {
        out.boolean(name, *flag);
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        out.string(name, *text);
      } else if (const auto* numbers = std::get_if<std::vector<double>>(&value)) {
        out.f32s(name, std::vector<float>(numbers->begin(), numbers->end()));
      } else {
        out.strings(name, std::get<std::vector<std::string>>(value));
      }
    }
    return {};
  }

  void tensors() {
    std::vector<std::pair<std::string, const std::string*>> order;
    for (const auto& [name, tensor] : checkpoint_.tensors)
      order.emplace_back(sort_key(name), &name);
    std::sort(order.begin(), order.end());
    for (const auto& [key, name] : order) tensor(*name);
  }

  gguf::Writer out;

 private:
  void tensor(const std::string& name) {
    Plan plan;
    plan.from = checkpoint_.tensors.find(name)->second;
    plan.type = type_for(name, plan);
    plan.row_order = row_order(name);
    std::vector<std::uint64_t> dims(plan.from.shape.rbegin(), plan.from.shape.rend());
    if (dims.empty()) dims = {1};
    meter_->total += plan.bytes();
    const DType type = plan.type;
    out.tensor(name, type, std::move(dims),
               [plan = std::move(plan), meter = meter_](const gguf::Writer::Sink& sink) {
                 return write_rows(plan, *meter, sink);
               });
  }

  DType type_for(const std::string& name, const Plan& plan) const {
    if (plan.from.shape.size() < 2 || name == "v.patch_embd.weight" ||
        name == "v.position_embd.weight")
      return DType::f32;
    const bool head = name == "output.weight" ||
                      (name == "token_embd.weight" && !checkpoint_.find("output.weight"));
    const bool fine = head || checkpoint_.architecture == "clip";
    DType type = type_ == DType::q4_0 && fine ? DType::q8_0 : type_;
    return plan.row() % dtype_info(type).block_elems == 0 ? type : DType::f16;
  }

  /// GGUF's llama wants the rotary pairs of Q and K side by side (spec §4.2).
  std::vector<std::int32_t> row_order(const std::string& name) const {
    const bool q = name.ends_with(".attn_q.weight") || name.ends_with(".attn_q.bias");
    const bool k = name.ends_with(".attn_k.weight") || name.ends_with(".attn_k.bias");
    if (checkpoint_.architecture != "llama" || checkpoint_.interleaved_qk || !(q || k)) return {};
    const auto heads = static_cast<int>(std::get<std::int64_t>(
        checkpoint_.meta.find(q ? "attention.head_count" : "attention.head_count_kv")->second));
    const auto head_dim = static_cast<int>(
        std::get<std::int64_t>(checkpoint_.meta.find("attention.key_length")->second));
    return inverse(rotary_row_order(heads, head_dim));
  }

  const Checkpoint& checkpoint_;
  DType type_;
  std::shared_ptr<Meter> meter_;
};

/// Files that get their names together, or not at all.
class Staged {
 public:
  ~Staged() {
    std::error_code ignored;
    for (const auto& [temporary, path] : files_) fs::remove(temporary, ignored);
  }

  Status write(const gguf::Writer& writer, const fs::path& path) {
    fs::path temporary = path.string() + ".new-" + std::to_string(::getpid());
    files_.emplace_back(temporary, path);
    Status status = writer.write(temporary);
    if (status) return {};
    Error error = status.error();  // names the file that was asked for
    if (auto at = error.message.find(temporary.string()); at != std::string::npos)
      error.message.replace(at, temporary.string().size(), path.string());
    return error;
  }

  Result<std::vector<fs::path>> commit() {
    std::vector<fs::path> done;
    for (const auto& [temporary, path] : files_) {
      std::error_code error;
      fs::rename(temporary, path, error);
      if (error) {
        std::error_code ignored;
        for (const fs::path& earlier : done) fs::remove(earlier, ignored);
        return failed(path.string() + ": cannot write: " + error.message());
      }
      done.push_back(path);
    }
    files_.clear();
    return done;
  }

 private:
  std::vector<std::pair<fs::path, fs::path>> files_;
};

/// What loaders can take for granted but a GGUF file must say.
void complete(Checkpoint& text) {
  auto& meta = text.meta;
  if (!meta.contains("rope.dimension_count") && meta.contains("attention.key_length"))
    meta["rope.dimension_count"] = meta["attention.key_length"];
}

}  // namespace

Result<std::vector<fs::path>> export_gguf(const ModelFiles& files, const fs::path& out,
                                          const ExportOptions& options) {
  HEARTH_TRY_STATUS(validate(files));
  auto meter = std::make_shared<Meter>(Meter{options.progress});
  Checkpoint text_checkpoint = files.text;
  complete(text_checkpoint);
  Exporter text(text_checkpoint, options.type, meter);
  text.general("model", files.name);
  HEARTH_TRY_STATUS(text.hyper_parameters());
  const StoredTensor* embedding = files.text.find("token_embd.weight");
  HEARTH_TRY_STATUS(export_tokenizer(files, embedding->shape[0], text.out));
  if (!files.chat_template.empty()) text.out.string("tokenizer.chat_template", files.chat_template);
  text.tensors();

  std::optional<Exporter> vision;
  if (files.vision) {
    vision.emplace(*files.vision, options.type == DType::q4_0 ? DType::q8_0 : options.type, meter);
    vision->general("mmproj", files.name);
    HEARTH_TRY_STATUS(vision->hyper_parameters());
    vision->tensors();
  }
  Staged staged;
  HEARTH_TRY_STATUS(staged.write(text.out, out));
  if (vision) {
    fs::path beside = out.parent_path() / ("mmproj-" + out.filename().string());
    HEARTH_TRY_STATUS(staged.write(vision->out, beside));
  }
  return staged.commit();
}

}  // namespace hearth
