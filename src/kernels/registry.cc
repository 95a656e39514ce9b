// Which kernel tables this build has and this processor can run.
#include <string_view>

#include "kernels/isa_tables.h"
#include "kernels/kernels.h"
#include "kernels/reference_float.h"
#include "kernels/reference_quant.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace hearth::kernels {
namespace {

#if HEARTH_HAVE_AVX2 || HEARTH_HAVE_AVX512 || HEARTH_HAVE_NEON
KernelTable with_reference(KernelTable table) {
#define HEARTH_ROW(name, ...) \
  if (!table.name) table.name = reference_kernels().name;
  HEARTH_KERNELS(HEARTH_ROW)
#undef HEARTH_ROW
  return table;
}
#endif

#if HEARTH_HAVE_AVX2 || HEARTH_HAVE_AVX512
/// __builtin_cpu_supports also asks whether the system saves the registers.
bool has_avx2() {
  unsigned a, b, c = 0, d;
  const bool f16c = __get_cpuid(1, &a, &b, &c, &d) && c >> 29 & 1;
  return f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

#if HEARTH_HAVE_AVXVNNI
bool has_avxvnni() {
  unsigned a = 0, b, c, d;
  return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 4 & 1;
}
#endif

#if HEARTH_HAVE_AVX512
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}
#endif

#if HEARTH_HAVE_AVX512
KernelTable with_bf16(KernelTable table) {
#if HEARTH_HAVE_AVX512BF16
  if (__builtin_cpu_supports("avx512bf16")) {
    table.gemm_bf16 = avx512bf16_kernels().gemm_bf16;
    table.has_bf16 = true;
  }
#endif
  return table;
}
#endif

#if HEARTH_HAVE_NEON
/// Dot products and half precision arithmetic: every 64-bit ARM since about 2018.
bool has_neon() {
#if defined(__linux__)
  const unsigned long capabilities = getauxval(AT_HWCAP);
  return (capabilities & HWCAP_ASIMDDP) && (capabilities & HWCAP_ASIMDHP);
#else
  return true;
#endif
}
#endif

#if HEARTH_HAVE_I8MM
bool has_i8mm() {
#if defined(__linux__)
  return has_neon() && getauxval(AT_HWCAP2) >> 13 & 1;  // HWCAP2_I8MM
#else
  return has_neon();
#endif
}
#endif

}  // namespace

const KernelTable& reference_kernels() {
  static const KernelTable table = [] {
    KernelTable t;
    t.isa = "reference";
    fill_reference_float(t);
    fill_reference_int(t);
    return t;
  }();
  return table;
}

std::vector<const KernelTable*> available_kernels() {
  std::vector<const KernelTable*> tables;
#if HEARTH_HAVE_AVX512
  if (has_avx512()) {  // asked first: building the table already runs avx512 code
    static const KernelTable table = with_reference(with_bf16(avx512_kernels()));
    tables.push_back(&table);
  }
#endif
#if HEARTH_HAVE_AVXVNNI
  if (has_avxvnni()) {  // asked first: building the table already runs avxvnni code
    static const KernelTable table = with_reference(avxvnni_kernels());
    tables.push_back(&table);
  }
#if HEARTH_HAVE_AVX512VL
  else if (has_avx512()) {
    static const KernelTable table = with_reference(avx512vl_kernels());
    tables.push_back(&table);
  }
#endif
#endif
#if HEARTH_HAVE_AVX2
  if (has_avx2()) {  // asked first: building the table already runs avx2 code
    static const KernelTable table = with_reference(avx2_kernels());
    tables.push_back(&table);
  }
#endif
#if HEARTH_HAVE_I8MM
  if (has_i8mm()) {  // asked first: building the table already runs i8mm code
    static const KernelTable table = with_reference(i8mm_kernels());
    tables.push_back(&table);
  }
#endif
#if HEARTH_HAVE_NEON
  if (has_neon()) {  // asked first: building the table already runs neon code
    static const KernelTable table = with_reference(neon_kernels());
    tables.push_back(&table);
  }
#endif
  tables.push_back(&reference_kernels());
  return tables;
}

const KernelTable* find_kernels(const char* isa) {
  const std::vector<const KernelTable*> tables = available_kernels();
  if (!isa || !*isa) return tables.front();
  for (const KernelTable* table : tables)
    if (std::string_view(isa) == table->isa) return table;
  return nullptr;
}

}  // namespace hearth::kernels
