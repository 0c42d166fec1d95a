# cmake --install BUILD --prefix DIR: the program, what it looks for beside itself (shared_places() in
# src/runtime/library/loader.h: ../share/ocellus, so the whole may be moved), and the licences.
include(GNUInstallDirs)
# Where MLX lies. Said by name: CMake leaves out what lies inside the source tree, as build/venv does.
if(OC_MLX_FOUND)
  get_filename_component(mlx_folder "${MLX_LIBRARY}" DIRECTORY)
  set_target_properties(ocellus PROPERTIES INSTALL_RPATH "${mlx_folder}")
endif()
install(TARGETS ocellus RUNTIME DESTINATION bin)
install(DIRECTORY configs/models DESTINATION share/ocellus/configs)
# What `ocellus verify` recomputes, a folder each.
file(GLOB golden_sets CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/data/golden-*)
install(DIRECTORY ${golden_sets} DESTINATION share/ocellus/goldens)
# Manual pages and completions, which the program makes of its parser.
if(NOT CMAKE_CROSSCOMPILING)
  install(CODE "set(program \"$<TARGET_FILE:ocellus>\")")
  install(SCRIPT ${CMAKE_SOURCE_DIR}/cmake/install_manual.cmake)
endif()
install(FILES LICENSE THIRD_PARTY_NOTICES.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
