#pragma once

/// For the few functions that must dissolve into their caller: registers are counted on.
#define HEARTH_INLINE __attribute__((always_inline)) inline
