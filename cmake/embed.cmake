# The embedded model: src/api/embedded_model.cc takes these two files in with .incbin. They are made
# by `hearth convert ../shared/models/nano-vlm models/nano/nano.gguf`.
set(nano ${PROJECT_SOURCE_DIR}/models/nano)
foreach(file ${nano}/nano.gguf ${nano}/mmproj-nano.gguf)
  if(NOT EXISTS ${file})
    message(FATAL_ERROR "${file} is missing: the embedded model is part of the repository")
  endif()
endforeach()
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/api/embedded_model.cc PROPERTIES
  COMPILE_DEFINITIONS
    "HEARTH_NANO_TEXT=\"${nano}/nano.gguf\";HEARTH_NANO_VISION=\"${nano}/mmproj-nano.gguf\""
  OBJECT_DEPENDS "${nano}/nano.gguf;${nano}/mmproj-nano.gguf")
