// safetensors (https://huggingface.co/docs/safetensors): one file, or a directory's shards.
// Everything is checked at open: afterwards every tensor's bytes are inside the file, of the size
// its shape says, and shared with no other tensor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/files.h"
#include "base/result.h"

namespace hearth {

struct SafetensorsTensor {
  std::string name;
  DType dtype = DType::f32;  ///< f32, f16 or bf16
  std::vector<std::uint64_t>
      shape;  ///< outermost first, the last is the row length; empty: one value
  std::span<const std::byte> data;  ///< C order, not necessarily aligned

  std::uint64_t elements() const;
};

/// One .safetensors file.
class SafetensorsFile {
 public:
  /// The longest header that is read (the format's own libraries stop at 100 MB; larger ones
  /// exist).
  static constexpr std::uint64_t kLongestHeader = std::uint64_t{256} << 20;

  /// Errors are `bad_input` and name the file, the tensor, what was expected and what was found.
  static Result<SafetensorsFile> open(const std::filesystem::path& path);
  /// The same over memory that outlives the result.
  static Result<SafetensorsFile> parse(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const { return name_; }
  const std::vector<SafetensorsTensor>& tensors() const { return tensors_; }
  /// Null where absent. An error where the tensor is there in a dtype that is not read (I64, F8 …):
  /// such tensors are legal as long as nobody wants them.
  Result<const SafetensorsTensor*> find(std::string_view tensor) const;
  /// True also for tensors of unread dtypes.
  bool has(std::string_view tensor) const;
  /// Names of all tensors, sorted, those of unread dtypes included.
  std::vector<std::string_view> names() const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  struct Entry {
    std::string dtype;                  ///< as the file names it
    std::optional<std::size_t> tensor;  ///< in tensors_, where the dtype is one of ours
  };

  std::string name_;
  std::optional<MappedFile> map_;
  std::vector<SafetensorsTensor> tensors_;
  std::map<std::string, Entry, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
};

/// The tensors of a Hugging Face directory: model.safetensors, else the shards that
/// model.safetensors.index.json names (plain file names in that directory).
class Safetensors {
 public:
  static Result<Safetensors> open_dir(const std::filesystem::path& dir);
  /// True where `open_dir` would find something to open.
  static bool is_in(const std::filesystem::path& dir);

  const std::vector<SafetensorsFile>& files() const { return files_; }
  /// Names of all tensors, sorted, those of unread dtypes included.
  std::vector<std::string_view> names() const;
  Result<const SafetensorsTensor*> find(std::string_view tensor) const;  ///< null where absent

 private:
  Status open_shards(const std::filesystem::path& dir);

  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t, std::less<>> home_;  ///< tensor → its file
};

}  // namespace hearth
