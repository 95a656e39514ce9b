# Each ISA is one object library with its own flags; it exports one symbol, its kernel table
# (tools/check_isa_symbols.sh reads `nm`). Which one runs is decided at start from CPUID.
function(hearth_isa name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_library(hearth_kernels_${name} OBJECT ${sources})
  target_include_directories(hearth_kernels_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_options(hearth_kernels_${name} PRIVATE -O3 -fvisibility=hidden ${ARGN})
  target_sources(hearth_kernels PRIVATE $<TARGET_OBJECTS:hearth_kernels_${name}>)
  string(TOUPPER ${name} upper)
  target_compile_definitions(hearth_kernels PUBLIC HEARTH_HAVE_${upper}=1)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  hearth_isa(avx2 -mavx2 -mfma -mf16c)
  hearth_isa(avxvnni -mavx2 -mfma -mf16c -mavxvnni)
  hearth_isa(avx512vl -mavx2 -mfma -mf16c -mavx512f -mavx512vl -mavx512vnni
             -mprefer-vector-width=256)
  hearth_isa(avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c -mavx2
             -mprefer-vector-width=512)
  hearth_isa(avx512bf16 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512bf16 -mfma -mf16c -mavx2
             -mprefer-vector-width=512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  hearth_isa(neon -march=armv8.2-a+dotprod+fp16)
  hearth_isa(i8mm -march=armv8.2-a+dotprod+fp16+i8mm)
endif()
