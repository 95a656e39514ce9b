#include "models/packed_cache.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/hash.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr char kMagic[] = "HEARTHPK", kSuffix[] = ".packed";
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kFooter = 64, kAlign = 64, kMostEntries = 1 << 20;
constexpr std::uint64_t kLeftFree = std::uint64_t{1} << 30;  ///< of the disk, for others

struct Footer {
  char magic[8];
  std::uint32_t version, checksum;
  std::uint64_t file_bytes, index;
  std::uint32_t entries, index_checksum, zero[6];
};
static_assert(sizeof(Footer) == kFooter);

/// Bytes one after another; `ok` is false once more was asked for than there is.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
  template <class T>
  T number() {
    T value{};
    if (const auto bytes = take(sizeof(T)); !bytes.empty())
      std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string text(std::size_t length) {
    const auto bytes = take(length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  bool ok() const { return ok_; }

 private:
  std::span<const std::byte> take(std::size_t count) {
    if (count > rest_.size()) return ok_ = false, std::span<const std::byte>();
    const auto out = rest_.first(count);
    rest_ = rest_.subspan(count);
    return out;
  }
  std::span<const std::byte> rest_;
  bool ok_ = true;
};

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

Result<Footer> read_footer(std::span<const std::byte> file, const std::string& where) {
  Footer footer;
  if (file.size() < kFooter) return bad_input(where + ": too short for packed weights");
  std::memcpy(&footer, file.data() + file.size() - kFooter, kFooter);
  if (std::memcmp(footer.magic, kMagic, sizeof footer.magic) != 0)
    return bad_input(where + ": these are no packed weights");
  if (footer.version != kVersion)
    return bad_input(where + ": packed weights of version " + std::to_string(footer.version) +
                     ", expected " + std::to_string(kVersion));
  if (footer.file_bytes != file.size())
    return bad_input(where + ": expected " + std::to_string(footer.file_bytes) + " bytes, found " +
                     std::to_string(file.size()));
  if (footer.index > file.size() - kFooter || footer.entries > kMostEntries)
    return bad_input(where + ": its index lies outside the file");
  return footer;
}

/// What tells one state of a model's files from another.
Result<std::string> identity(std::span<const fs::path> files) {
  std::string out;
  for (const fs::path& path : files) {
    struct stat s;
    if (::stat(path.c_str(), &s) != 0) return bad_input(path.string() + ": cannot look at it");
    for (const auto number :
         {static_cast<std::int64_t>(s.st_dev), static_cast<std::int64_t>(s.st_ino),
          static_cast<std::int64_t>(s.st_size), static_cast<std::int64_t>(s.st_mtim.tv_sec),
          static_cast<std::int64_t>(s.st_mtim.tv_nsec)})
      out += std::to_string(number) + ":";
  }
  return out;
}

std::vector<fs::directory_entry> packed_files(const fs::path& folder) {
  std::vector<fs::directory_entry> out;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed))
    if (it->path().extension() == kSuffix) out.push_back(*it);
  return out;
}

std::uint64_t size_of(const fs::directory_entry& entry) {
  std::error_code failed;
  const auto size = entry.file_size(failed);
  return failed ? 0 : size;
}

}  // namespace

Result<std::vector<PackedEntry>> parse_packed(std::span<const std::byte> file,
                                              const std::string& where) {
  HEARTH_TRY(const Footer footer, read_footer(file, where));
  const auto index = file.subspan(footer.index, file.size() - kFooter - footer.index);
  if (crc32(index) != footer.index_checksum)
    return bad_input(where + ": the checksum of its index is wrong");
  Reader reader(index);
  std::vector<PackedEntry> entries;
  for (std::uint32_t i = 0; i < footer.entries; ++i) {
    PackedEntry e;
    e.name = reader.text(reader.number<std::uint16_t>());
    const auto type = reader.number<std::uint8_t>();
    e.n = reader.number<std::int64_t>();
    e.k = reader.number<std::int64_t>();
    e.row_order = reader.number<std::uint64_t>();
    e.offset = reader.number<std::uint64_t>();
    e.bytes = reader.number<std::uint64_t>();
    const bool inside = e.offset <= footer.index && e.bytes <= footer.index - e.offset;
    if (!reader.ok() || !find_dtype(static_cast<DType>(type)) || e.offset % kAlign != 0 || !inside)
      return bad_input(where + ": entry " + std::to_string(i) + " of the index is broken");
    e.type = static_cast<DType>(type);
    entries.push_back(std::move(e));
  }
  return entries;
}

std::unique_ptr<PackedCache> PackedCache::open(Place place, std::span<const fs::path> files,
                                               const std::string& settings) {
  auto out = std::make_unique<PackedCache>();
  PackedCache& cache = *out;
  cache.place_ = std::move(place);
  const auto key = identity(files);
  if (files.empty() || cache.place_.folder.empty()) return out;  // embedded, synthetic
  if (!key) return cache.give_up(key.error().message), std::move(out);
  const std::string name = std::to_string(kVersion) + "|" + settings + "|" + *key;
  cache.path_ = cache.place_.folder / (sha256_hex(bytes_of(name)).substr(0, 32) + kSuffix);
  if (auto mapped = MappedFile::open(cache.path_)) {
    auto entries = parse_packed(mapped->bytes(), cache.path_.string());
    if (entries) {
      cache.entries_ = *std::move(entries);
      cache.mapped_ = std::make_shared<const MappedFile>(*std::move(mapped));
      std::error_code ignored;  // the oldest go first, so it is young again
      fs::last_write_time(cache.path_, fs::file_time_type::clock::now(), ignored);
      return out;
    }
  }
  std::error_code failed;
  fs::create_directories(cache.place_.folder, failed);
  auto file = AtomicFile::create(cache.path_);
  if (!file) return cache.give_up(file.error().message), std::move(out);
  cache.writing_ = *std::move(file);
  return out;
}

std::shared_ptr<const std::byte> PackedCache::find(const PackedKey& key, std::size_t bytes) {
  if (!mapped_) return nullptr;
  for (const PackedEntry& e : entries_)
    if (PackedKey{e.name, e.type, e.n, e.k, e.row_order} == key && e.bytes == bytes)
      return {mapped_, mapped_->bytes().data() + e.offset};
  missed_ = true;
  return nullptr;
}

void PackedCache::keep(const PackedKey& key, std::span<const std::byte> panels) {
  if (!writing_) return;
  std::error_code failed;
  const auto space = fs::space(place_.folder, failed);
  if (!failed && space.available < panels.size() + kLeftFree)
    return give_up(place_.folder.string() + ": " + std::to_string(space.available >> 20) +
                   " MB are free, " + std::to_string((panels.size() + kLeftFree) >> 20) +
                   " are wanted");
  if (written_ + panels.size() > place_.limit)
    return give_up(path_.string() + ": the model is larger than the limit of the cache");
  entries_.push_back(
      {std::string(key.name), key.type, key.n, key.k, key.row_order, written_, panels.size()});
  write(panels);
  constexpr std::byte kZeros[kAlign] = {};
  write(std::span(kZeros).first((kAlign - panels.size() % kAlign) % kAlign));
}

void PackedCache::finish() {
  if (mapped_ && missed_) {  // made for another state of the model: the next load packs it anew
    std::error_code ignored;
    fs::remove(path_, ignored);
    return give_up(path_.string() + ": some weights were not in it; it is removed");
  }
  if (!writing_ || entries_.empty()) return writing_.reset();
  std::string index;
  for (const PackedEntry& e : entries_) {
    append(index, static_cast<std::uint16_t>(e.name.size()));
    index += e.name;
    append(index, static_cast<std::uint8_t>(e.type));
    append(index, e.n);
    append(index, e.k);
    append(index, e.row_order);
    append(index, e.offset);
    append(index, e.bytes);
  }
  Footer footer{};
  std::memcpy(footer.magic, kMagic, sizeof footer.magic);
  footer.version = kVersion;
  footer.index = written_;
  footer.entries = static_cast<std::uint32_t>(entries_.size());
  footer.index_checksum = crc32(bytes_of(index));
  write(bytes_of(index));
  footer.file_bytes = written_ + kFooter;
  footer.checksum = checksum_;
  write(std::as_bytes(std::span(&footer, 1)));
  if (!writing_) return;
  const Status committed = writing_->commit();
  writing_.reset();
  if (!committed) return give_up(committed.error().message);
  make_room();
}

void PackedCache::give_up(std::string problem) {
  problem_ = std::move(problem);
  writing_.reset();
}

void PackedCache::write(std::span<const std::byte> bytes) {
  if (!writing_ || bytes.empty()) return;
  checksum_ = crc32(bytes, checksum_);
  written_ += bytes.size();
  if (const Status status = writing_->write(bytes); !status) give_up(status.error().message);
}

void PackedCache::make_room() const {
  struct Other {
    fs::file_time_type used;
    std::uint64_t bytes;
    fs::path path;
  };
  std::error_code ignored;
  std::vector<Other> others;
  for (const fs::directory_entry& entry : packed_files(place_.folder))
    if (entry.path() != path_)
      others.push_back({entry.last_write_time(ignored), size_of(entry), entry.path()});
  std::sort(others.begin(), others.end(),
            [](const Other& a, const Other& b) { return a.used > b.used; });
  std::uint64_t total = size_of(fs::directory_entry(path_));
  for (const Other& other : others)
    if ((total += other.bytes) > place_.limit) fs::remove(other.path, ignored);
}

fs::path default_packed_folder() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg == '/')
    return fs::path(xdg) / "hearth" / "packed";
  if (const char* home = std::getenv("HOME"); home && *home == '/')
    return fs::path(home) / ".cache" / "hearth" / "packed";
  return {};
}

std::vector<PackedReport> check_packed_folder(const fs::path& folder) {
  std::vector<PackedReport> out;
  for (const fs::directory_entry& entry : packed_files(folder)) {
    PackedReport& report = out.emplace_back();
    report.path = entry.path();
    report.bytes = size_of(entry);
    const auto mapped = MappedFile::open(entry.path());
    if (!mapped) {
      report.problem = mapped.error().message;
      continue;
    }
    const auto bytes = mapped->bytes();
    const std::string where = entry.path().string();
    if (const auto entries = parse_packed(bytes, where); !entries)
      report.problem = entries.error().message;
    else if (crc32(bytes.first(bytes.size() - kFooter)) != read_footer(bytes, where)->checksum)
      report.problem = where + ": its checksum is wrong";
  }
  return out;
}

}  // namespace hearth
