#include "api/embedded_model.h"

// HEARTH_NANO_TEXT and HEARTH_NANO_VISION are the files' paths, from cmake/embed.cmake.
// clang-format off
#define HEARTH_EMBED(name, path)                \
  asm(".pushsection .rodata\n"                  \
      ".balign 64\n"                            \
      ".globl " #name "_begin\n"                \
      ".hidden " #name "_begin\n"               \
      #name "_begin:\n"                         \
      ".incbin \"" path "\"\n"                  \
      ".globl " #name "_end\n"                  \
      ".hidden " #name "_end\n"                 \
      #name "_end:\n"                           \
      ".byte 0\n"                               \
      ".popsection\n");                         \
  extern "C" const std::byte name##_begin[], name##_end[]
// clang-format on

HEARTH_EMBED(hearth_nano_text, HEARTH_NANO_TEXT);
HEARTH_EMBED(hearth_nano_vision, HEARTH_NANO_VISION);

namespace hearth {

std::span<const std::byte> embedded_text() {
  return {hearth_nano_text_begin, hearth_nano_text_end};
}
std::span<const std::byte> embedded_vision() {
  return {hearth_nano_vision_begin, hearth_nano_vision_end};
}

}  // namespace hearth
