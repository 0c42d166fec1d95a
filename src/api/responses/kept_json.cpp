#include "api/responses/kept_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include "base/memory_full.h"
#include "io/counted_memory.h"
#include "io/json.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr int kPage = 20, kMaxPage = 100;

// The value of a query's parameter. They are numbers, names and ids: nothing in them is escaped.
std::optional<std::string_view> parameter(std::string_view query, std::string_view name) {
  for (const auto part : std::views::split(query, '&')) {
    const std::string_view one(part.begin(), part.end());
    if (one.starts_with(name) && one.substr(name.size()).starts_with('='))
      return one.substr(name.size() + 1);
  }
  return std::nullopt;
}

Error wrong(std::string_view name, std::string_view expected) {
  return {ErrorCode::kInvalidArgument, fmt::format("\"{}\" must be {}", name, expected), "",
          std::string(name)};
}

struct Page {
  std::size_t limit = kPage;
  bool oldest_first = false;
  std::string_view after = {};
};

Result<Page> read_page(std::string_view query) {
  Page out;
  if (const auto limit = parameter(query, "limit")) {
    int number = 0;
    const char* end = limit->data() + limit->size();
    if (const auto parsed = std::from_chars(limit->data(), end, number);
        parsed.ec != std::errc() || parsed.ptr != end || number < 1 || number > kMaxPage)
      return wrong("limit", fmt::format("an integer from 1 to {}", kMaxPage));
    out.limit = static_cast<std::size_t>(number);
  }
  if (const auto order = parameter(query, "order")) {
    if (order != "asc" && order != "desc") return wrong("order", R"("asc" or "desc")");
    out.oldest_first = order == "asc";
  }
  out.after = parameter(query, "after").value_or("");
  return out;
}

// As an item that was asked without an id, a type, a status or parts is told.
void complete(json::object& item, std::string_view letters, std::size_t index) {
  if (!item.contains("type")) item["type"] = "message";
  const std::string type(item["type"].is_string() ? item["type"].get_string() : "");
  if (!item.contains("id") || !item["id"].is_string())
    item["id"] = fmt::format("{}_{}_{}",
                             type == "message"         ? "msg"
                             : type == "function_call" ? "fc"
                                                       : "item",
                             letters, index);
  if (!item.contains("status") || !item["status"].is_string()) item["status"] = "completed";
  if (type != "message") return;
  const bool assistant = item.contains("role") && item["role"] == "assistant";
  if (item["content"].is_string()) {
    json::object part = {{"type", assistant ? "output_text" : "input_text"},
                         {"text", item["content"]}};
    item["content"] = json::array{std::move(part)};
  }
  if (!item["content"].is_array()) return;
  for (json::value& one : item["content"].get_array()) {
    if (!one.is_object()) continue;
    json::object& part = one.get_object();
    if (part["type"] == "input_image" && !part.contains("detail")) part["detail"] = "auto";
    if (part["type"] == "output_text" && !part.contains("annotations"))
      part["annotations"] = json::array();
  }
}

std::string letters_of(const KeptTurn& turn) { return turn.id.substr(turn.id.find('_') + 1); }

}  // namespace

Result<std::string> input_items_json(const KeptTurn& turn, std::string_view query,
                                     Reservation& memory) {
  OC_ASSIGN_OR_RETURN(const Page page, read_page(query));
  std::vector<const KeptTurn*> turns;
  for (const KeptTurn* one = &turn; one != nullptr; one = one->previous.get()) turns.push_back(one);
  // The texts of the items; those that are told are kept of them.
  if (!memory.grow_to(2 * turn.all_bytes)) return memory_full();
  std::vector<std::pair<std::string, std::string>> items;  // ids and JSON, the oldest first
  for (const KeptTurn* one : std::views::reverse(turns))
    for (const std::string* text : {&one->input, &one->output}) {
      if (one == &turn && text == &one->output) continue;
      CountedMemory counted(memory);
      OC_ASSIGN_OR_RETURN(json::value list, parse_json(*text, "item", JsonLimits(), &counted));
      std::size_t index = 0;
      for (json::value& item : list.get_array()) {
        complete(item.get_object(), letters_of(*one), index++);
        items.emplace_back(item.get_object()["id"].get_string(), json_text(item));
      }
    }
  if (!page.oldest_first) std::ranges::reverse(items);
  auto begin = items.begin();
  if (!page.after.empty()) {
    begin = std::ranges::find(items, page.after, &std::pair<std::string, std::string>::first);
    if (begin == items.end()) return wrong("after", "the id of one of the items");
    ++begin;
  }
  const auto left = static_cast<std::size_t>(items.end() - begin);
  const auto end = begin + static_cast<std::ptrdiff_t>(std::min(left, page.limit));
  std::string out = R"({"object":"list","data":[)";
  for (auto item = begin; item != end; ++item) {
    if (item != begin) out += ',';
    out += item->second;
  }
  const auto id = [&](auto item) { return begin == end ? "null" : json_quoted(item->first); };
  out += fmt::format(R"(],"first_id":{},"last_id":{},"has_more":{}}})", id(begin),
                     begin == end ? "null" : id(end - 1), left > page.limit);
  return out;
}

std::string deleted_json(std::string_view id) {
  return fmt::format(R"({{"id":{},"object":"response","deleted":true}})", json_quoted(id));
}

Result<void> check_retrieve(std::string_view query) {
  if (parameter(query, "stream") != "true") return {};
  return Error{ErrorCode::kUnsupported, "\"stream\": an answer that is kept is told as a whole",
               "leave it out", "stream"};
}

}  // namespace oc
