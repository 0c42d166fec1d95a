#include "text/registry.h"

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <cstddef>
#include <string>

#include "io/json.h"
#include "text/bytelevel/tokenizer.h"
#include "text/sentencepiece/tokenizer.h"
#include "text/tokenizer_json.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxFileBytes = 64u << 20;  // the largest in use are about 33 MB

// A kind is known by the document's "decoder", which undoes what its tokens do to a text.
struct TokenizerKind {
  std::string_view decoder;  // its "type"
  Result<std::shared_ptr<const Tokenizer>> (*read)(const JsonReader& document);
};
// The first one also reads what no other claims, and says which part it cannot follow.
constexpr TokenizerKind kKinds[] = {{"Sequence", read_sentencepiece},
                                    {"ByteLevel", read_byte_level}};

const TokenizerKind& kind_of(const json::value& document) {
  const auto member = [](const json::value* of, std::string_view key) {
    const json::object* object = of != nullptr ? of->if_object() : nullptr;
    return object != nullptr ? object->if_contains(key) : nullptr;
  };
  const json::value* type = member(member(&document, "decoder"), "type");
  const auto* found = std::ranges::find_if(kKinds, [&](const TokenizerKind& kind) {
    return type != nullptr && type->is_string() && type->get_string() == kind.decoder;
  });
  return found != std::end(kKinds) ? *found : kKinds[0];
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> load_tokenizer_json(const std::filesystem::path& path) {
  OC_ASSIGN_OR_RETURN(const std::string text, read_file(path, kMaxFileBytes));
  return parse_tokenizer_json(text, path.string());
}

Result<std::shared_ptr<const Tokenizer>> parse_tokenizer_json(std::string_view text,
                                                              std::string_view what) {
  json::monotonic_resource memory;  // the document lives as long as this function
  OC_ASSIGN_OR_RETURN(const json::value document, parse_document(text, what, &memory));
  return kind_of(document).read(JsonReader(document, what));
}

}  // namespace oc
