// One vector vocabulary in, the float rows of a kernel table out. Included by one translation unit
// per ISA only: all names are local to it, and nothing of std is instantiated.
#pragma once

#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/float_gemm.h"
#include "kernels/kernels.h"

namespace hearth::kernels {
namespace {

template <class V>
void fill_float_with(KernelTable& table) {
  table.gemm_float = gemm_float<V>;
  table.attend = attend<V>;
  table.kv_append = kv_append<V>;
  table.rms_norm = rms_norm<V>;
  table.layer_norm = layer_norm<V>;
  table.softmax = softmax<V>;
  table.add = add<V>;
  table.mul = mul<V>;
  table.scale = scale<V>;
  table.silu = silu<V>;
  table.gelu = gelu<V>;
  table.swiglu = swiglu<V>;
  table.geglu = geglu<V>;
  table.softcap = softcap<V>;
  table.rope = rope<V>;
}

}  // namespace
}  // namespace hearth::kernels
