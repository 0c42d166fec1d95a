// The web page: the files of web/, which are part of the program.
#pragma once

#include <span>
#include <string_view>

#include "http/router.h"

namespace oc::http {

struct WebFile {
  std::string_view name;  // "app.js", "vendor/….mjs"
  std::string_view bytes;
  std::string_view sha256;  // of the bytes, in hex
};
// All of them. Written by cmake/embed.cmake when the program is built.
std::span<const WebFile> web_files();

// Each file at "/" and its name, index.html at "/". No key is wanted: the page asks for it when the
// API does. The page may run its own scripts and talk to its own server, nothing else.
void add_page(Router& router);

}  // namespace oc::http
