// Opening what lies below a folder, whatever others do to the names on the way at the same time.
#pragma once

namespace oc {

// For reading: neither ".." nor a link leads out of the folder, and a pipe keeps nobody waiting.
// Where the system can, links that stay below it are followed, else none are. `path` is relative,
// its parts divided by '/'. → the descriptor; -1 and errno (EXDEV, ELOOP: it leads out, or is such
// a link).
int open_beneath(int folder, const char* path);
// The same, following no link at all.
int open_beneath_without_links(int folder, const char* path);

}  // namespace oc
