# cmake -DOUT=file.cpp -P embed_model.cmake -- FILE...: a source that takes the files into the program,
# for src/io/files.h. The assembler reads them where they lie: an array of some MB would take a compiler
# seconds. Their digests stand in the source, so that it differs, also for the compiler cache, when
# they do. Run by the build whenever one of them changes.
set(data "")
set(names "")
set(table "")
set(index 0)
set(behind FALSE)
foreach(i RANGE 1 ${CMAKE_ARGC})
  set(file "${CMAKE_ARGV${i}}")
  if(file STREQUAL "--")
    set(behind TRUE)
  elseif(behind AND NOT file STREQUAL "")
    get_filename_component(name "${file}" NAME)
    file(SHA256 "${file}" digest)
    file(SIZE "${file}" size)
    string(APPEND data "    OC_FILE(\"${index}\", \"${file}\")\n")
    string(APPEND names "extern const std::byte oc_embedded_${index}[];\n")
    string(APPEND table "      EmbeddedFile{\"${name}\", {oc_embedded_${index}, ${size}},\n                   \"${digest}\"},\n")
    math(EXPR index "${index} + 1")
  endif()
endforeach()
file(WRITE "${OUT}" "// Made by cmake/embed_model.cmake.
#include \"io/files.h\"

#ifdef __APPLE__
#define OC_SECTION \".const_data\\n\"
#define OC_SYMBOL \"_oc_embedded_\"
#else
#define OC_SECTION \".section .rodata\\n\"
#define OC_SYMBOL \"oc_embedded_\"
#endif
#define OC_FILE(index, file)                                                     \\
  \".balign 64\\n.globl \" OC_SYMBOL index \"\\n\" OC_SYMBOL index \":\\n\" \\
  \".incbin \\\"\" file \"\\\"\\n.byte 0\\n\"

// clang-format off
__asm__(
    OC_SECTION
${data}    \".text\\n\");
// clang-format on
extern \"C\" {
${names}}

namespace oc {

std::span<const EmbeddedFile> embedded_model() {
  static const EmbeddedFile files[] = {
${table}  };
  return files;
}

}  // namespace oc
")
