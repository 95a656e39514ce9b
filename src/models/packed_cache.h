// The packed weights of a model in a file of the user's cache directory: the next start maps them
// instead of packing again, and its weights are pages of a file that the system may drop and read
// again, so a model can be larger than the free memory.
//
// A file is the panels of all weights (64-byte aligned, docs/PACKING.md), an index, and a footer:
//   magic "HEARTHPK" · u32 version · u32 CRC-32 of all before it but the footer · u64 bytes of the
//   file · u64 offset of the index · u32 entries · u32 CRC-32 of the index · zeros to 64 bytes
//   an entry: u16 length · name · u8 dtype · i64 n · i64 k · u64 row order · u64 offset · u64 bytes
// Its name says for which files (device, inode, size, time), layout and settings it holds.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "tensor/packed_store.h"

namespace hearth {

struct PackedEntry {
  std::string name;
  DType type = DType::f32;
  std::int64_t n = 0, k = 0;
  std::uint64_t row_order = 0, offset = 0, bytes = 0;
};
/// The index of a packed file. Errors (`bad_input`): not one, another version, cut short, entries
/// that lie outside, a wrong checksum of the index. That of the panels is not looked at.
Result<std::vector<PackedEntry>> parse_packed(std::span<const std::byte> file,
                                              const std::string& where);

class PackedCache final : public PackedStore {
 public:
  struct Place {
    std::filesystem::path folder;                   ///< made where it is not there
    std::uint64_t limit = std::uint64_t{32} << 30;  ///< bytes of all files in it
  };
  /// For a model that lies in `files` and is loaded with `settings`. What does not work (no such
  /// files, no permission, no room) is a problem that is told; the model is then packed as ever.
  static std::unique_ptr<PackedCache> open(Place place,
                                           std::span<const std::filesystem::path> files,
                                           const std::string& settings);

  std::shared_ptr<const std::byte> find(const PackedKey& key, std::size_t bytes) override;
  void keep(const PackedKey& key, std::span<const std::byte> panels) override;
  /// Everything is loaded: what was kept becomes a file, the oldest files go beyond the limit.
  void finish();

  bool found() const { return mapped_ != nullptr; }
  const std::string& problem() const { return problem_; }  ///< "" where all went well

 private:
  void give_up(std::string problem);
  void write(std::span<const std::byte> bytes);
  void make_room() const;

  Place place_;
  std::filesystem::path path_;
  std::shared_ptr<const MappedFile> mapped_;
  std::vector<PackedEntry> entries_;
  bool missed_ = false;  ///< a weight was asked for that the mapped file lacks
  std::optional<AtomicFile> writing_;
  std::uint64_t written_ = 0;
  std::uint32_t checksum_ = 0;
  std::string problem_;
};

/// $XDG_CACHE_HOME/hearth/packed, ~/.cache/hearth/packed; "" where neither is known.
std::filesystem::path default_packed_folder();

struct PackedReport {
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  std::string problem;  ///< "" where it is whole
};
/// Every packed file of a folder, its checksum computed anew.
std::vector<PackedReport> check_packed_folder(const std::filesystem::path& folder);

}  // namespace hearth
