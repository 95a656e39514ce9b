// Files: read-only maps, whole reads with a limit, and writes that leave no half file behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>

#include "base/result.h"

namespace hearth {

/// A whole file, mapped read-only. Movable; unmaps itself.
class MappedFile {
 public:
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept { swap(other); }
  MappedFile& operator=(MappedFile&& other) noexcept { return swap(other), *this; }
  ~MappedFile();

  /// Errors: no such file, a directory, not readable (all `bad_input`).
  static Result<MappedFile> open(const std::filesystem::path& path);

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Tells the kernel that these pages will not be read again soon: they leave our resident set.
  static void release(std::span<const std::byte> pages);

 private:
  void swap(MappedFile& other) noexcept;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The whole file as a string; `bad_input` where it is absent or larger than `limit` bytes.
Result<std::string> read_file(const std::filesystem::path& path,
                              std::size_t limit = std::size_t{64} << 20);

enum class PathKind { none, file, directory, other };
/// What lies at `path`, links followed. Error: that cannot be told (no permission, too long a
/// name).
Result<PathKind> path_kind(const std::filesystem::path& path);

/// Writes beside `path` and renames into place on `commit`; without it the half file is removed.
class AtomicFile {
 public:
  AtomicFile() = default;
  AtomicFile(AtomicFile&& other) noexcept { swap(other); }
  AtomicFile& operator=(AtomicFile&& other) noexcept { return swap(other), *this; }
  ~AtomicFile();

  /// A link is followed; a device or a pipe is written straight through. Where the file system can,
  /// the new file has no name before `commit`, so that not even a killed process leaves half of it.
  static Result<AtomicFile> create(const std::filesystem::path& path);
  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
  Status commit();

 private:
  void swap(AtomicFile& other) noexcept;
  std::FILE* file_ = nullptr;
  std::filesystem::path path_, temporary_;
  bool nameless_ = false;
};

}  // namespace hearth
