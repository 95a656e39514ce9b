# hearth_layer(name DEPENDS …): a static library of src/<name>/*.cc; `#include "<name>/…"`.
function(hearth_layer name)
  cmake_parse_arguments(LAYER "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  if(HEARTH_KERNELS_ONLY)
    list(FILTER sources EXCLUDE REGEX "base/hash\\.cc$")
  endif()
  if(NOT sources)
    add_library(hearth_${name} INTERFACE)
    target_include_directories(hearth_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(hearth_${name} INTERFACE ${LAYER_DEPENDS})
    return()
  endif()
  add_library(hearth_${name} STATIC ${sources})
  target_include_directories(hearth_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(hearth_${name} PUBLIC ${LAYER_DEPENDS})
endfunction()

# hearth_tests(name library): one GoogleTest program of tests/<name>/*_test.cc, run by ctest.
function(hearth_tests name library)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${name}/*_test.cc)
  if(HEARTH_KERNELS_ONLY)
    list(FILTER sources EXCLUDE REGEX "base/hash_test\\.cc$")
  endif()
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources} ${PROJECT_SOURCE_DIR}/tests/support/main.cc)
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name}_test PRIVATE ${library} GTest::gtest)
  target_compile_definitions(${name}_test PRIVATE
    HEARTH_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data"
    HEARTH_SHARED="${PROJECT_SOURCE_DIR}/../shared")
  add_test(NAME ${name} COMMAND ${name}_test --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
endfunction()

# Sums of small integers, which -O2 leaves scalar.
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/tensor/cpu_q8a.cc PROPERTIES COMPILE_OPTIONS -O3)
