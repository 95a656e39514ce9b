// The model inside the program: models/nano/*.gguf, linked in by the assembler (cmake/embed.cmake).
#pragma once

#include <cstddef>
#include <span>

namespace hearth {

std::span<const std::byte> embedded_text();    ///< nano.gguf, 64-byte aligned
std::span<const std::byte> embedded_vision();  ///< mmproj-nano.gguf, 64-byte aligned

}  // namespace hearth
