#include "runtime/hub/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/ascii.h"
#include "base/environment.h"
#include "base/nearest.h"
#include "base/printable.h"
#include "io/json.h"
#include "runtime/library/known_models.h"
#include "runtime/library/plain_name.h"

namespace oc::hub {
namespace {

bool is_word(char c) { return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.'; }

// A branch, tag ("v1.0", "refs/pr/3") or commit.
bool is_revision(std::string_view text) {
  return !text.empty() && text.size() <= 200 && text.front() != '/' && text.back() != '/' &&
         text.front() != '-' && text.find("..") == text.npos && text.find("//") == text.npos &&
         std::ranges::all_of(text, [](char c) { return is_word(c) || c == '/' || c == '+'; });
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_word(c))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// Lower case; the port is always there.
struct UrlOrigin {
  std::string scheme, host, port;
  bool operator==(const UrlOrigin&) const = default;
};

// An empty scheme: no absolute http(s) URL.
UrlOrigin origin_of(std::string_view text) {
  const auto url = boost::urls::parse_uri(text);
  if (url.has_error() || url->encoded_host().empty() || url->has_userinfo()) return {};
  UrlOrigin origin{lower(url->scheme()), lower(std::string(url->encoded_host())),
                   std::string(url->port())};
  if (origin.scheme != "http" && origin.scheme != "https") return {};
  if (origin.port.empty()) origin.port = origin.scheme == "https" ? "443" : "80";
  return origin;
}

// The known model that was probably meant; empty: none is near.
std::string_view nearest_known(std::string_view name) {
  std::string_view nearest;
  std::size_t best = 4;
  if (name.size() > 64) return nearest;
  for (const KnownModel& model : known_models())
    if (const std::size_t distance = edit_distance(lower(name), model.name); distance < best) {
      best = distance;
      nearest = model.name;
    }
  return nearest;
}

// A user and a password are for nobody to see, in logs as little as in answers.
std::string without_user(std::string_view address) {
  const std::size_t scheme = address.find("://");
  const std::size_t begin = scheme == address.npos ? 0 : scheme + 3;
  const std::string_view authority =
      address.substr(begin, address.find_first_of("/?#", begin) - begin);
  const std::size_t at = authority.rfind('@');
  if (at == authority.npos) return std::string(address);
  return fmt::format("{}USER{}", address.substr(0, begin), address.substr(begin + at));
}

}  // namespace

Result<ModelRef> parse_model_ref(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::string_view name = text.substr(0, at);
  ModelRef ref;
  if (at != text.npos) {
    ref.revision = text.substr(at + 1);
    if (!is_revision(ref.revision))
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} is no revision", shown_name(ref.revision)),
                   "a branch, a tag or a commit, for example ORG/REPO@main"};
  }
  if (!is_plain_name(name))
    return Error{ErrorCode::kInvalidArgument, fmt::format("{} is no model", shown_name(name)),
                 "ORG/REPO or ORG/REPO@REVISION: letters, digits, '.', '_' and '-'"};
  if (const KnownModel* entry = find_known_model(name)) {
    ref.repo = entry->repo;
    if (at == text.npos) ref.revision = entry->revision;
  } else if (name.find('/') != name.npos) {
    ref.repo = name;
  } else {
    std::string known;
    for (const KnownModel& e : known_models())
      known += (known.empty() ? "" : ", ") + std::string(e.name);
    const std::string_view meant = nearest_known(name);
    return Error{ErrorCode::kNotFound, fmt::format("no known model is called {}", shown_name(name)),
                 fmt::format("{}known are {}; any other is named ORG/REPO",
                             meant.empty() ? "" : fmt::format("did you mean {}? ", meant), known)};
  }
  return ref;
}

Result<Hub> make_hub(std::string_view base, std::string_view token) {
  while (base.ends_with('/')) base.remove_suffix(1);
  const auto url = boost::urls::parse_uri(base);
  if (url.has_error() || origin_of(base).scheme.empty() || url->has_query() || url->has_fragment())
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("OCELLUS_HUB: {} is no address of a hub", shown_name(without_user(base))),
        "for example https://huggingface.co, without a user or a query"};
  if (token.size() > 1000 ||
      !std::ranges::all_of(token, [](char c) { return c > ' ' && c < '\x7f'; }))
    return Error{ErrorCode::kInvalidArgument, "HF_TOKEN holds characters that no token has",
                 "copy it again, without spaces and line breaks"};
  return Hub{std::string(base), std::string(token)};
}

Result<Hub> hub_from_environment() {
  return make_hub(environment("OCELLUS_HUB").value_or("https://huggingface.co"),
                  environment("HF_TOKEN").value_or(""));
}

std::string repo_url(const Hub& hub, const ModelRef& ref) {
  return hub.base + "/api/models/" + ref.repo;
}

std::string revision_url(const Hub& hub, const ModelRef& ref) {
  return repo_url(hub, ref) + "/revision/" + escaped(ref.revision);
}

std::string tree_url(const Hub& hub, const ModelRef& ref, std::string_view commit) {
  return repo_url(hub, ref) + "/tree/" + escaped(commit);
}

std::string file_url(const Hub& hub, const ModelRef& ref, std::string_view commit,
                     std::string_view file) {
  return hub.base + "/" + ref.repo + "/resolve/" + escaped(commit) + "/" + escaped(file);
}

bool same_origin(std::string_view a, std::string_view b) {
  const UrlOrigin first = origin_of(a);
  return !first.scheme.empty() && first == origin_of(b);
}

bool may_carry_token(const Hub& hub, std::string_view url) {
  if (hub.token.empty() || !same_origin(hub.base, url)) return false;
  const UrlOrigin origin = origin_of(url);
  return origin.scheme == "https" || origin.host == "localhost" || origin.host == "[::1]" ||
         origin.host == "127.0.0.1";
}

bool may_redirect(std::string_view from, std::string_view to) {
  const UrlOrigin target = origin_of(to);
  return target.scheme == "https" || (target.scheme == "http" && origin_of(from).scheme == "http");
}

}  // namespace oc::hub
