# cmake -DOUT=file.cpp -DROOT=folder -P embed.cmake -- FILE...: the files as byte arrays, for
# src/http/page.h, those below the folder by their paths in it. Run by the build whenever one of them
# changes.
set(arrays "")
set(table "")
set(index 0)
set(behind FALSE)
foreach(i RANGE 1 ${CMAKE_ARGC})
  set(file "${CMAKE_ARGV${i}}")
  if(file STREQUAL "--")
    set(behind TRUE)
  elseif(behind AND NOT file STREQUAL "")
    file(RELATIVE_PATH name "${ROOT}" "${file}")
    if(name MATCHES "^\\.\\./")
      get_filename_component(name "${file}" NAME)
    endif()
    file(SHA256 "${file}" digest)
    file(READ "${file}" bytes HEX)
    string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(APPEND arrays "constexpr unsigned char kFile${index}[] = {\n${bytes}\n};\n")
    string(APPEND table "      WebFile{\"${name}\", view(kFile${index}), \"${digest}\"},\n")
    math(EXPR index "${index} + 1")
  endif()
endforeach()
file(WRITE "${OUT}" "// Made by cmake/embed.cmake.
#include \"http/page.h\"

namespace oc::http {
namespace {

template <std::size_t N>
std::string_view view(const unsigned char (&bytes)[N]) {
  return {reinterpret_cast<const char*>(bytes), N};
}

${arrays}
}  // namespace

std::span<const WebFile> web_files() {
  static const WebFile files[] = {
${table}  };
  return files;
}

}  // namespace oc::http
")
