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
// Of these, the page of the API (reference.html at "/docs") and what it needs; not of add_page().
void add_reference_page(Router& router);
// Whether a route of these two is a file that a page asks for, and no page itself.
bool is_page_file(std::string_view path);

}  // namespace oc::http
