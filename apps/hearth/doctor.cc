// hearth doctor: what this machine offers, and whether the embedded model answers rightly on it.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "hearth/chat.h"
#include "hearth/flags.h"
#include "hearth/interrupt.h"
#include "hearth/machine.h"
#include "hearth/report.h"
#include "hearth/verbs.h"

namespace hearth::cli {
namespace {

class Findings {
 public:
  explicit Findings(Console& console) : console_(console) {}
  void ok(const std::string& what, const std::string& text) { say("ok  ", what, text); }
  void warn(const std::string& what, const std::string& text) { say("warn", what, text); }
  void bad(const std::string& what, const std::string& text) {
    say("FAIL", what, text);
    failed_ = true;
  }
  bool failed() const { return failed_; }

 private:
  void say(const char* mark, const std::string& what, const std::string& text) {
    console_.line(fmt::format("{}  {:<10}  {}", mark, what, one_line(text)));
  }
  Console& console_;
  bool failed_ = false;
};

/// Which kernels work here, by trying each.
std::vector<std::string> working_isas() {
  std::vector<std::string> names;
  for (const char* isa : {"reference", "avx2", "avxvnni", "avx512", "neon", "i8mm"}) {
    EngineOptions options;
    options.isa = isa;
    options.threads = 1;
    if (Engine::create(options)) names.push_back(isa);
  }
  return names;
}

void check_processor(Findings& findings, const Machine& machine, const Engine& engine) {
  findings.ok("processor", machine.processor.empty() ? "unknown" : machine.processor);
  const auto isas = working_isas();
  const bool slow = engine.isa() == "reference" && isas.size() > 1;
  const std::string kernels = fmt::format("{} in use, of {}", engine.isa(), fmt::join(isas, ", "));
  if (slow || isas.size() == 1)
    findings.warn("kernels", kernels + (slow ? ": HEARTH_ISA chooses slow ones" : ": slow"));
  else
    findings.ok("kernels", kernels);
}

void check_threads(Findings& findings, const Machine& machine, const Engine& engine, int asked) {
  std::string why = fmt::format("{} physical core{} of {} logical", machine.physical_cores,
                                machine.physical_cores == 1 ? "" : "s", machine.logical_cores);
  if (machine.allowed_cores < machine.logical_cores)
    why += fmt::format(", {} allowed to this process", machine.allowed_cores);
  if (machine.quota_cores > 0) why += fmt::format(", quota of {:.1f}", machine.quota_cores);
  if (asked > 0) why += ", --threads given";
  const std::string text = fmt::format("{} ({})", engine.threads(), why);
  if (engine.threads() > machine.allowed_cores ||
      (machine.quota_cores > 0 && engine.threads() > std::ceil(machine.quota_cores)))
    findings.warn("threads", text + ": more than may run at once");
  else
    findings.ok("threads", text);
}

void check_memory(Findings& findings, const Machine& machine) {
  const std::string text = fmt::format("{} free of {}{}", human_bytes(machine.memory_free),
                                       human_bytes(machine.memory_total),
                                       machine.memory_limited ? " (cgroup limit)" : "");
  if (machine.memory_free < 1'000'000'000)
    findings.warn("memory", text + ": only small models will fit");
  else
    findings.ok("memory", text);
}

/// What `--packed-cache` has kept, read through.
void check_packed(Findings& findings) {
  const std::string folder = default_packed_cache();
  const std::vector<PackedWeights> files = check_packed_cache(folder);
  if (files.empty()) return;
  std::uint64_t bytes = 0;
  for (const PackedWeights& file : files) {
    bytes += file.bytes;
    if (!file.problem.empty())
      findings.bad("cache", file.problem + ": delete it, it will be made again");
  }
  findings.ok("cache", fmt::format("{} of packed weights in {} (delete them whenever you like)",
                                   human_bytes(bytes), folder));
}

/// A red square on white, 64 × 64: a BMP of 24 bits, blue first, rows of 192 bytes.
std::string red_square() {
  constexpr unsigned kSide = 64, kHeader = 54, kPixels = kSide * kSide * 3;
  std::string bmp = "BM";
  const auto put = [&bmp](unsigned value, int bytes) {
    for (int i = 0; i < bytes; ++i) bmp += static_cast<char>(value >> (8 * i) & 0xFF);
  };
  put(kHeader + kPixels, 4), put(0, 4), put(kHeader, 4);
  put(40, 4), put(kSide, 4), put(kSide, 4), put(1, 2), put(24, 2), put(0, 4), put(kPixels, 4);
  put(2835, 4), put(2835, 4), put(0, 4), put(0, 4);
  for (unsigned y = 0; y < kSide; ++y)
    for (unsigned x = 0; x < kSide; ++x) {
      const bool inside = x >= 18 && x < 46 && y >= 18 && y < 46;
      put(inside ? 0xD22828 : 0xFFFFFF, 3);  // lowest byte first: blue, green, red
    }
  return bmp;
}

void check_answer(Findings& findings, const Engine& engine) {
  const auto model = Model::load(engine, {});
  if (!model) return findings.bad("model", model.error().message);
  const ModelInfo& info = model->info();
  findings.ok("model", fmt::format("{} (embedded), {} parameters, loaded in {}", info.name,
                                   human_count(info.parameters + info.vision_parameters),
                                   human_time(model->load_ms())));
  auto chat = Chat::create(*model);
  if (!chat) return findings.bad("self-check", chat.error().message);
  const Answering answering;
  AnswerOptions how;
  how.max_tokens = 16;
  how.cancel = answering.cancel();
  const auto answer =
      chat->ask({Part::image_bytes(red_square()), Part::text("What color is the square?")}, how);
  if (!answer) return findings.bad("self-check", answer.error().message);
  const std::string text = fmt::format(
      "asked the colour of a red square: {} ({}, first word after {})", in_quotes(answer->text),
      human_time(answer->timings.image_ms + answer->timings.prompt_ms + answer->timings.decode_ms),
      human_time(answer->timings.first_token_ms));
  if (answer->text.find("red") != std::string::npos)
    findings.ok("self-check", text);
  else
    findings.bad("self-check", text + ": expected red");
}

struct DoctorOptions {
  int threads = 0;
  bool isa = false;
};

int doctor(Context& context, const DoctorOptions& options) {
  const auto engine = context.make_engine(options.threads);
  if (!engine) return context.console.report(engine.error());
  if (options.isa) return context.console.line(engine->isa()), kOk;
  const Machine machine = look_at_machine();
  Findings findings(context.console);
  findings.ok("hearth", version());
  check_processor(findings, machine, *engine);
  check_threads(findings, machine, *engine, options.threads);
  check_memory(findings, machine);
  check_packed(findings);
  check_answer(findings, *engine);
  return findings.failed() ? kFailed : kOk;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  const auto options = std::make_shared<DoctorOptions>();
  Verb verb(app, "doctor", "Check this machine, and that the embedded model answers on it");
  verb.value("--threads", "N", read_into(options->threads, {0, 1024}),
             "0: the physical cores this process may use (0)")
      .flag_without_twin("--isa", options->isa, "print the kernels in use and nothing else");
  verb.action([options, &context] { return doctor(context, *options); });
}

}  // namespace hearth::cli
