# cmake -DOUT=file.cpp -DSOURCE=DIR -P commit.cmake: a source that says which commit is built, for
# apps/ocellus/version.h: its first twelve digits, and a digest of the changes that are in no commit.
# "unknown" where there is no git or no repository, as in an unpacked archive. Run by every build; the
# file is only written where it changes.
set(commit "unknown")
find_program(OC_GIT git)
if(OC_GIT AND EXISTS "${SOURCE}/.git")
  execute_process(COMMAND ${OC_GIT} -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE head
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(commit "${head}")
    execute_process(COMMAND ${OC_GIT} -C ${SOURCE} diff --no-ext-diff --binary HEAD
                    OUTPUT_VARIABLE changes ERROR_QUIET)
    if(NOT changes STREQUAL "")
      string(SHA256 digest "${changes}")
      string(SUBSTRING "${digest}" 0 8 digest)
      set(commit "${commit}+${digest}")
    endif()
  endif()
endif()
set(text "// Made by cmake/commit.cmake.
#include \"version.h\"

namespace oc {

std::string_view source_commit() { return \"${commit}\"; }

}  // namespace oc
")
set(old "")
if(EXISTS "${OUT}")
  file(READ "${OUT}" old)
endif()
if(NOT old STREQUAL text)
  file(WRITE "${OUT}" "${text}")
endif()
