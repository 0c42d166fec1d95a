# MLX, where it is installed: on CMAKE_PREFIX_PATH (Homebrew's is), else as a Python package
# (`pip install "mlx[cpu]"`), in build/venv first. Sets OC_MLX_FOUND. Sanitizer builds leave it out:
# its library is not instrumented, and a mixed program reports nonsense.
option(OC_MLX "Build the MLX engine where MLX is installed" ON)
set(OC_MLX_FOUND FALSE)
set(OC_MLX_VERSION 0.32)  # the first that lets several threads use a stream
if(OC_MLX AND NOT OC_SANITIZE)
  find_package(MLX ${OC_MLX_VERSION} CONFIG QUIET)
  if(NOT MLX_FOUND)
    foreach(python ${CMAKE_SOURCE_DIR}/build/venv/bin/python python3)
      execute_process(COMMAND ${python} -m mlx --cmake-dir OUTPUT_VARIABLE prefix RESULT_VARIABLE status
                      OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
      if(status EQUAL 0)
        find_package(MLX ${OC_MLX_VERSION} CONFIG QUIET PATHS ${prefix} NO_DEFAULT_PATH)
      endif()
      if(MLX_FOUND)
        break()
      endif()
    endforeach()
  endif()
  set(OC_MLX_FOUND ${MLX_FOUND})
endif()
if(OC_MLX_FOUND)
  message(STATUS "MLX ${MLX_VERSION}: ${MLX_LIBRARY}")
else()
  message(STATUS "MLX not found or not wanted: built without the engine mlx")
endif()
