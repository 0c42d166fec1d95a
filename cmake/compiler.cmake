# Before project(): clang where it is, as it compiles the kernels better than g++ (docs/kernels.md). A
# compiler that was chosen (CXX, -DCMAKE_CXX_COMPILER, a toolchain file) stays; a Mac's own is clang.
# The order is that of tools/install_deps.sh.
if(NOT CMAKE_CXX_COMPILER AND NOT CMAKE_TOOLCHAIN_FILE AND NOT DEFINED ENV{CXX} AND NOT APPLE)
  foreach(version "-16" "-19" "-18" "-20" "-21" "-22" "-17" "")
    find_program(OC_CLANGXX${version} clang++${version})
    find_program(OC_CLANG${version} clang${version})
    if(OC_CLANGXX${version} AND OC_CLANG${version})
      # A plain name may be one that is too old for C++20 as it is written here.
      execute_process(COMMAND ${OC_CLANGXX${version}} -dumpversion OUTPUT_VARIABLE clang ERROR_QUIET)
      if(clang VERSION_GREATER_EQUAL 16)
        set(CMAKE_C_COMPILER ${OC_CLANG${version}})
        set(CMAKE_CXX_COMPILER ${OC_CLANGXX${version}})
        break()
      endif()
    endif()
  endforeach()
endif()
