#include "base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
#include <utility>

namespace hearth {
namespace {

std::string reason() { return std::strerror(errno); }

/// A name beside `path` that nobody else has chosen.
std::string temporary_name(const std::filesystem::path& path) {
  char text[24];
  std::snprintf(text, sizeof text, ".part-%08x%08x", std::random_device()(),
                std::random_device()());
  return path.string() + text;
}

/// The way to an open file that has no name.
std::string way_to(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

std::FILE* open_nameless(const std::filesystem::path& path) {
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0) return nullptr;
  std::FILE* file = ::access(way_to(fd).c_str(), F_OK) == 0 ? ::fdopen(fd, "wb") : nullptr;
  if (!file) ::close(fd);
  return file;
}

}  // namespace

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::swap(MappedFile& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return bad_input(path.string() + ": cannot open: " + reason());
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return bad_input(path.string() + ": not a regular file");
  }
  MappedFile file;
  file.size_ = static_cast<std::size_t>(info.st_size);
  if (file.size_ > 0) {
    void* data = ::mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      ::close(fd);
      return failed(path.string() + ": cannot map: " + reason());
    }
    file.data_ = static_cast<const std::byte*>(data);
  }
  ::close(fd);
  return file;
}

void MappedFile::release(std::span<const std::byte> pages) {
  constexpr std::uintptr_t kPage = 4096;
  auto begin = (reinterpret_cast<std::uintptr_t>(pages.data()) + kPage - 1) & ~(kPage - 1);
  auto end = reinterpret_cast<std::uintptr_t>(pages.data() + pages.size()) & ~(kPage - 1);
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  HEARTH_TRY(MappedFile file, MappedFile::open(path));
  auto bytes = file.bytes();
  if (bytes.size() > limit) {
    return bad_input(path.string() + ": " + std::to_string(bytes.size()) +
                     " bytes, the limit for this file is " + std::to_string(limit));
  }
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<PathKind> path_kind(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  switch (status.type()) {
    case std::filesystem::file_type::not_found:
      return PathKind::none;
    case std::filesystem::file_type::regular:
      return PathKind::file;
    case std::filesystem::file_type::directory:
      return PathKind::directory;
    case std::filesystem::file_type::none:
      return bad_input(path.string() + ": cannot look at it: " + error.message());
    default:
      return PathKind::other;
  }
}

AtomicFile::~AtomicFile() {
  if (!file_) return;
  std::fclose(file_);
  std::error_code ignored;
  if (!temporary_.empty() && !nameless_) std::filesystem::remove(temporary_, ignored);
}

void AtomicFile::swap(AtomicFile& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(nameless_, other.nameless_);
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& path) {
  AtomicFile out;
  out.path_ = path;
  HEARTH_TRY(const PathKind kind, path_kind(path));
  if (kind == PathKind::other) {
    out.file_ = std::fopen(path.c_str(), "wb");
  } else {
    std::error_code not_there;
    const auto target = std::filesystem::canonical(path, not_there);
    if (!not_there) out.path_ = target;
    out.temporary_ = temporary_name(out.path_);
    out.file_ = open_nameless(out.path_);
    out.nameless_ = out.file_ != nullptr;
    if (!out.file_) out.file_ = std::fopen(out.temporary_.c_str(), "wbx");
  }
  if (!out.file_) return bad_input(path.string() + ": cannot create: " + reason());
  return out;
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
    return bad_input(path_.string() + ": cannot write: " + reason());
  return {};
}

Status AtomicFile::commit() {
  std::FILE* file = std::exchange(file_, nullptr);
  const bool through = temporary_.empty();  // a device has nothing to sync or rename
  bool ok = std::fflush(file) == 0 && (through || ::fsync(::fileno(file)) == 0);
  std::string why = ok ? "" : reason();
  if (ok && nameless_ &&
      ::linkat(AT_FDCWD, way_to(::fileno(file)).c_str(), AT_FDCWD, temporary_.c_str(),
               AT_SYMLINK_FOLLOW) != 0)
    ok = false, why = reason();
  if (std::fclose(file) != 0 && ok) ok = false, why = reason();
  std::error_code error;
  if (ok && !through) {
    std::filesystem::rename(temporary_, path_, error);
    ok = !error, why = error.message();
  }
  if (ok) return {};
  if (!through) std::filesystem::remove(temporary_, error);
  return bad_input(path_.string() + ": cannot write: " + why);
}

}  // namespace hearth
