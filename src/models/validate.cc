#include "models/validate.h"

#include "base/check.h"
#include "models/registry.h"

namespace hearth {
namespace {

/// Prepares nothing and computes nothing: the loaders' checks are all that is left.
class NoOps final : public Ops {
 public:
#define HEARTH_OP(result, name, parameters, arguments) \
  result name parameters override { return none<result> arguments; }
  HEARTH_OPS(HEARTH_OP)
#undef HEARTH_OP

  Weight prepare(const RawWeight& raw, Use) override { return {raw.n, raw.k, nullptr}; }
  Vec prepare(std::span<const float> values) override {
    return {static_cast<std::int64_t>(values.size()), nullptr};
  }
  Rows prepare(const RowsSpec&) override { return {}; }
  std::unique_ptr<KvPool> make_kv_pool(const KvShape&, int) override { return nullptr; }
  Out activation_for(std::initializer_list<const Linear*>) const override { return Out::f32; }
  void reserve(std::size_t) override {}
  std::size_t prepared_bytes() const override { return 0; }
  Work work() const override { return {}; }
  using Ops::read;
  void read(Tensor, std::span<float>) override { CHECK(false); }
  bool yield() override { return false; }
  void on_yield(std::function<bool()>) override {}
  std::size_t mark() override { return 0; }
  void release(std::size_t) override {}

 private:
  template <class R, class... Arguments>
  [[noreturn]] static R none(Arguments&&...) {
    check_failed("an op ran while validating", __FILE__, __LINE__);
  }
};

Result<int> check_text(const ModelFiles& files) {
  NoOps ops;
  Loader loader(ops, files.text);
  HEARTH_TRY(auto text, load_text_model(loader));
  return text->shape().hidden;
}

}  // namespace

Result<VisionShape> vision_shape(const ModelFiles& files) {
  if (!files.vision) return bad_input(files.path + ": has no vision half");
  HEARTH_TRY(const int hidden, check_text(files));
  NoOps ops;
  Loader loader(ops, *files.vision);
  HEARTH_TRY(auto vision, load_vision_model(loader, hidden));
  return vision->shape();
}

Status validate(const ModelFiles& files) {
  if (!files.vision) {
    auto text = check_text(files);
    return text ? Status() : text.error();
  }
  auto vision = vision_shape(files);
  return vision ? Status() : vision.error();
}

}  // namespace hearth
