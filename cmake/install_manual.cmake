# Of `cmake --install`: lets ${program} write its manual pages and completions to where man(1) and the
# shells look below the prefix.
set(share "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share")
file(MAKE_DIRECTORY ${share}/man/man1)
execute_process(COMMAND ${program} man --out ${share}/man/man1 COMMAND_ERROR_IS_FATAL ANY)
foreach(place "bash;bash-completion/completions/ocellus" "zsh;zsh/site-functions/_ocellus"
        "fish;fish/vendor_completions.d/ocellus.fish")
  list(GET place 0 shell)
  list(GET place 1 file)
  get_filename_component(folder ${share}/${file} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  execute_process(COMMAND ${program} completion ${shell} OUTPUT_FILE ${share}/${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
