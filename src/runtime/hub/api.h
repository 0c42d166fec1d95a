// The two questions to a hub before a download: which commit, and which files of what size and
// digest.
#pragma once

#include "runtime/hub/http.h"
#include "runtime/hub/listing.h"
#include "runtime/hub/retry.h"

namespace oc::hub {

// A small text (JSON), with retries. kTooLarge over max_bytes. `link`: the Link header, if wanted.
Result<std::string> get_text(HttpClient& http, const std::string& url, std::string_view what,
                             std::size_t max_bytes, const Patience& patience,
                             std::string* link = nullptr);

// The commit that ref.revision is now, and the names of its files. Tells an unknown revision from
// an unknown repository also on hubs that do not say it.
Result<Revision> resolve_revision(HttpClient& http, const ModelRef& ref, const Patience& patience);

// The files of that commit, all pages.
Result<std::vector<HubFile>> list_files(HttpClient& http, const ModelRef& ref,
                                        std::string_view commit, const Patience& patience);

}  // namespace oc::hub
