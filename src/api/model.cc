#include "hearth/model.h"

#include "api/impl.h"
#include "base/files.h"
#include "base/hash.h"
#include "models/packed_cache.h"

namespace hearth {

std::string default_packed_cache() { return default_packed_folder().string(); }

std::vector<PackedWeights> check_packed_cache(const std::string& folder) {
  std::vector<PackedWeights> out;
  for (PackedReport& report : check_packed_folder(folder))
    out.push_back({report.path.string(), report.bytes, std::move(report.problem)});
  return out;
}

Result<Model> Model::load(const Engine& engine, const LoadOptions& options) {
  return guarded([&]() -> Result<Model> {
    auto impl = std::make_shared<Impl>();
    impl->engine = engine.impl();
    std::lock_guard lock(impl->engine->computing);
    HEARTH_TRY_STATUS(load_into(*impl, options));
    return Model(std::move(impl));
  });
}

const ModelInfo& Model::info() const { return impl_->info; }
double Model::load_ms() const { return impl_->load_ms; }

const std::string& Model::sha256() const {
  std::call_once(impl_->hashed, [this] {
    // A pair's digest is that of its files' digests, one after another.
    std::string digests;
    for (const auto& path : impl_->files.weight_files)
      if (auto file = MappedFile::open(path)) digests += sha256_hex(file->bytes());
    for (auto bytes : impl_->files.embedded) digests += sha256_hex(bytes);
    impl_->sha256 = digests.size() == 64 ? digests : sha256_hex(std::as_bytes(std::span(digests)));
  });
  return impl_->sha256;
}

std::vector<std::int32_t> Model::tokenize(std::string_view text, bool literal,
                                          bool add_special) const {
  Tokenizer::Options options;
  options.parse_special = !literal;
  options.add_special = add_special;
  return impl_->tokenizer->encode(text, options);
}

std::string Model::piece(std::int32_t id) const { return impl_->tokenizer->piece(id); }

}  // namespace hearth
