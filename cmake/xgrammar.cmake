# xgrammar, which keeps answers within a JSON schema (docs/grammar.md), where tools/get_xgrammar.sh has
# put its sources. Sets OC_XGRAMMAR_FOUND and the target oc_xgrammar, which takes half the time of
# xgrammar's own build: files are compiled together, the bindings for Python are left out.
option(OC_GRAMMAR "Build response_format json_schema where xgrammar's sources are" ON)
set(OC_XGRAMMAR_VERSION 0.2.8)
set(OC_XGRAMMAR_FOUND FALSE)
set(xgrammar ${CMAKE_SOURCE_DIR}/build/deps/xgrammar-${OC_XGRAMMAR_VERSION})
# The sanitizer builds have other tests, and would compile it once more.
if(OC_GRAMMAR AND NOT OC_SANITIZE AND EXISTS ${xgrammar}/include/xgrammar/xgrammar.h)
  set(OC_XGRAMMAR_FOUND TRUE)
  file(GLOB sources ${xgrammar}/cpp/*.cc ${xgrammar}/cpp/converter_ext/*.cc ${xgrammar}/cpp/support/*.cc)
  add_library(oc_xgrammar STATIC ${sources})
  set_target_properties(oc_xgrammar PROPERTIES CXX_STANDARD 17 UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 9)
  # Names of it clash with others'.
  set_source_files_properties(${xgrammar}/cpp/json_schema_converter.cc PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_include_directories(oc_xgrammar SYSTEM PUBLIC ${xgrammar}/include ${xgrammar}/3rdparty/dlpack/include
    PRIVATE ${xgrammar}/3rdparty/picojson)
  # What it would print becomes an answer: src/runtime/grammar/xgrammar.cpp.
  target_compile_definitions(oc_xgrammar PRIVATE XGRAMMAR_LOG_CUSTOMIZE=1 XGRAMMAR_ENABLE_CPPTRACE=0
    XGRAMMAR_ENABLE_INTERNAL_CHECK=0)
  target_compile_options(oc_xgrammar PRIVATE -w)
  target_link_libraries(oc_xgrammar PUBLIC Threads::Threads)
  message(STATUS "xgrammar ${OC_XGRAMMAR_VERSION}: ${xgrammar}")
else()
  message(STATUS "xgrammar not found or not wanted: built without response_format json_schema (make grammar)")
endif()
