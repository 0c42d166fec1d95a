# Precompiled headers: a third of the time that a file takes is the standard library, fmt, Boost.JSON
# and googletest being read anew. That each file includes what it uses is shown by clang-tidy, which
# reads files without them (tools/tidy.py), and by g++.
# clang only, as g++ wants options that are equal to the last one. Off where ccache shares what it
# keeps between checkouts (CCACHE_BASEDIR): precompiled headers know theirs, so nothing would be.
set(precompile ON)
if(NOT "$ENV{CCACHE_BASEDIR}" STREQUAL "" OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(precompile OFF)
endif()
option(OC_PRECOMPILE "Precompile what most files include" ${precompile})
if(OC_KERNELS_ONLY)
  set(OC_PRECOMPILE OFF)  # no Boost
endif()
set(OC_COMMON_HEADERS
  <algorithm> <array> <atomic> <chrono> <cmath> <condition_variable> <cstdint> <cstring> <filesystem>
  <fstream> <functional> <future> <limits> <map> <memory> <mutex> <numeric> <optional> <random> <set>
  <span> <string> <string_view> <thread> <unordered_map> <variant> <vector>
  <fmt/format.h> <fmt/ranges.h>
  <boost/json/array.hpp> <boost/json/object.hpp> <boost/json/parse.hpp> <boost/json/serialize.hpp>
  <boost/json/value.hpp>)

# oc_precompile(TARGET KIND OPTIONS O... LIBRARY L HEADER <H>): TARGET has the common headers and H of
# the library L precompiled, with the options O that it is compiled with itself. Targets of one KIND
# share them, as making them takes some seconds. A file of TARGET with other options wants the
# property SKIP_PRECOMPILE_HEADERS.
function(oc_precompile target kind)
  cmake_parse_arguments(arg "" "LIBRARY;HEADER" "OPTIONS" ${ARGN})
  if(NOT OC_PRECOMPILE)
    return()
  endif()
  if(NOT arg_OPTIONS AND NOT arg_LIBRARY)
    set(kind plain)
  endif()
  set(headers oc_headers_${kind})
  if(NOT TARGET ${headers})
    set(source ${CMAKE_BINARY_DIR}/${headers}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "// CMake makes none without a file that uses them.\n")
    add_library(${headers} OBJECT ${source})
    target_link_libraries(${headers} PRIVATE oc_settings fmt::fmt Boost::json ${arg_LIBRARY})
    # Equal whenever they were made, for the compiler cache.
    target_compile_options(${headers} PRIVATE ${arg_OPTIONS} -Xclang -fno-pch-timestamp)
    target_precompile_headers(${headers} PRIVATE ${OC_COMMON_HEADERS} ${arg_HEADER})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${headers})
endfunction()
