# oc_of_this_system(LIST): leaves out the files whose names end in that of another system: x_linux.cpp
# and x_darwin.cpp in src/base/system, which is where a third one would be added.
function(oc_of_this_system list)
  set(files ${${list}})
  if(APPLE)
    list(FILTER files EXCLUDE REGEX "_linux(_test)?\\.cpp$")
  else()
    list(FILTER files EXCLUDE REGEX "_darwin(_test)?\\.cpp$")
  endif()
  set(${list} ${files} PARENT_SCOPE)
endfunction()

# oc_layer(NAME DEPS...): one static library from the .cpp files of the current folder (and of the
# folders named by SUBDIRS). The files are found by pattern so that adding one is adding one file.
function(oc_layer name)
  cmake_parse_arguments(arg "" "" "SUBDIRS;DEPS;PRIVATE_DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  foreach(sub IN LISTS arg_SUBDIRS)
    file(GLOB more CONFIGURE_DEPENDS ${sub}/*.cpp)
    list(APPEND sources ${more})
  endforeach()
  oc_of_this_system(sources)
  if(NOT sources)
    add_library(oc_${name} INTERFACE)
    target_link_libraries(oc_${name} INTERFACE oc_settings ${arg_DEPS})
    return()
  endif()
  add_library(oc_${name} STATIC ${sources})
  target_link_libraries(oc_${name} PUBLIC oc_settings ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
endfunction()

# oc_together(TARGET): its files are compiled twelve of a folder at a time, as most of what one takes is
# the headers that they share. So names of a folder are unique also where a file keeps them to itself. A
# file with compile options of its own stays alone. That each file includes what it uses is shown by
# clang-tidy (tools/tidy.py), which reads it by itself.
function(oc_together target)
  get_target_property(sources ${target} SOURCES)
  get_target_property(root ${target} SOURCE_DIR)
  foreach(source IN LISTS sources)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${root} OUTPUT_VARIABLE path)
    cmake_path(GET path PARENT_PATH folder)
    string(REPLACE / _ folder "at_${folder}")
    if(NOT DEFINED count_${folder})
      set(count_${folder} 0)
    endif()
    math(EXPR group "${count_${folder}} / 12")
    math(EXPR count_${folder} "${count_${folder}} + 1")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${folder}_${group})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

# oc_test_folder(NAME DEPS...): the *_test.cpp below tests/NAME become one program test_NAME under ctest.
function(oc_test_folder name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*_test.cpp)
  oc_of_this_system(sources)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE oc_settings ${ARGN} GTest::gtest GTest::gtest_main)
  target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  if(NOT name STREQUAL kernels)  # which has loops of its own
    target_compile_options(test_${name} PRIVATE -O0)  # half the time to compile; the layer is as ever
    oc_precompile(test_${name} tests OPTIONS -O0 LIBRARY GTest::gtest HEADER <gtest/gtest.h>)
  endif()
  target_compile_definitions(test_${name} PRIVATE OC_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_dependencies(unit_tests test_${name})
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
  # The longest first, so that none of them is left to run alone.
  set(long parity runtime kernels engines http image)
  list(FIND long ${name} at)
  if(NOT at EQUAL -1)
    math(EXPR cost "10 * (6 - ${at})")
    set_tests_properties(${name} PROPERTIES COST ${cost})
  endif()
endfunction()
