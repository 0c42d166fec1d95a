# cmake --install BUILD --prefix DIR: the program, what it looks for beside itself (shared_places() in
# src/runtime/loader.h: ../share/ocellus, so the whole may be moved), and the licences.
include(GNUInstallDirs)
set_target_properties(ocellus PROPERTIES INSTALL_RPATH_USE_LINK_PATH TRUE)  # where MLX lies
install(TARGETS ocellus RUNTIME DESTINATION bin)
install(DIRECTORY configs/models DESTINATION share/ocellus/configs)
install(DIRECTORY models/demo DESTINATION share/ocellus/models)
install(FILES LICENSE THIRD_PARTY_NOTICES.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
