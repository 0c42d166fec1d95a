# Language, warnings, sanitizers and the compiler cache: the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# OC_CHECK is our own; assert() of the libraries stays out of release builds. The layers with inner
# loops (kernels, engines, image) add OC_LOOPS. No -march: Highway picks the instructions at run time.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(OC_LOOPS -O3)
set(OC_GLUE "")    # what calls other things and counts little: runtime, http, the program
set(OC_FUZZED "")  # what reads the fuzzers' input
set(OC_OTHER_OPTIONS OFF)  # whether these are others than what stands beside it has
if(OC_SANITIZE)
  # Line numbers in reports; assertions of the libraries stay in. -O3 would take the kernels four
  # times as long to compile, and makes g++ 12 warn of overflows within fmt that are none.
  set(CMAKE_CXX_FLAGS_RELEASE "-O1 -g1")
  set(OC_LOOPS -O1)
  # Most of the time is spent on optimising the checks themselves: a third of it is left without.
  set(OC_GLUE -O0)
  set(OC_OTHER_OPTIONS ON)
endif()
if(OC_FUZZ AND NOT (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND OC_SANITIZE MATCHES "address"))
  message(STATUS "The fuzzers are left out: they need clang and the preset asan")
  set(OC_FUZZ OFF)
endif()
if(OC_FUZZ)
  set(OC_FUZZED -O1 -fsanitize=fuzzer-no-link)  # counts the branches taken: a sixth more to compile
endif()

find_program(OC_CCACHE ccache)
if(OC_CCACHE)
  # Depend mode: what it has not seen yet is not preprocessed once more to find that out. The
  # sloppiness is what lets it keep files that use precompiled headers.
  set(launcher env CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros ${OC_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

add_library(oc_settings INTERFACE)
target_include_directories(oc_settings INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(oc_settings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-psabi)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 means designated initializers as well, where leaving a member out is meant, and sees
  # overlaps in std::string that cannot be (GCC 105651).
  target_compile_options(oc_settings INTERFACE -Wno-missing-field-initializers -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # clang 19 means designated initializers with its -Wextra, too.
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag(-Wmissing-designated-field-initializers OC_WARNS_OF_DESIGNATED)
  if(OC_WARNS_OF_DESIGNATED)
    target_compile_options(oc_settings INTERFACE -Wno-missing-designated-field-initializers)
  endif()
endif()
if(OC_WERROR)
  target_compile_options(oc_settings INTERFACE -Werror)
endif()
if(OC_SANITIZE)
  # Everything, not only our targets: a mixed program reports nonsense.
  add_compile_options(-fsanitize=${OC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${OC_SANITIZE})
  add_compile_definitions(OC_SANITIZED)  # tests that would take minutes do less
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Instrumented code hides from g++ what is set: <regex> alone makes a dozen of them (GCC 105562).
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()
