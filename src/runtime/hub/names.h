// What people and servers may call things: models, revisions, files, the hub itself. Nothing that
// passes here can name a place outside of the models folder, or break out of a URL or a header.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace oc::hub {

// A repository at a revision: a branch, a tag or a commit.
struct ModelRef {
  std::string repo;  // "org/name"
  std::string revision = "main";
};

// "NAME", "ORG/REPO", "NAME@revision", "ORG/REPO@revision"; a known model has its own where none is
// named. kInvalidArgument, kNotFound: a short
// name that no known model has.
Result<ModelRef> parse_model_ref(std::string_view text);

// A server that speaks the Hugging Face HTTP interface.
struct Hub {
  std::string base;   // "https://huggingface.co", no '/' at the end
  std::string token;  // empty: none
};
// From OCELLUS_HUB and HF_TOKEN. kInvalidArgument: no http(s) address, or no token by its looks.
Result<Hub> hub_from_environment();
Result<Hub> make_hub(std::string_view base, std::string_view token);

std::string repo_url(const Hub& hub, const ModelRef& ref);      // /api/models/ORG/REPO
std::string revision_url(const Hub& hub, const ModelRef& ref);  // …/revision/REV
std::string tree_url(const Hub& hub, const ModelRef& ref, std::string_view commit);
std::string file_url(const Hub& hub, const ModelRef& ref, std::string_view commit,
                     std::string_view file);  // /ORG/REPO/resolve/REV/FILE

// Scheme, host and port are the same. The token goes to the hub's own origin only,
bool same_origin(std::string_view a, std::string_view b);
// and only where nobody can read it on the way: over https, or to this machine.
bool may_carry_token(const Hub& hub, std::string_view url);
// Where a redirect from `from` to `to` may be followed: http(s), no step down from https.
bool may_redirect(std::string_view from, std::string_view to);

}  // namespace oc::hub
