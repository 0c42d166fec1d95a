// What clients are told about models: GET /v1/models.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/model_alias.h"
#include "api/served_model.h"

namespace oc {

std::string model_json(const ServedModel& model);

// What a server has: `models`, then those of `installed` that are none of them, which would be
// loaded on demand, then the operator's aliases of these. Models stay the caller's.
class ModelList {
 public:
  explicit ModelList(std::span<const ServedModel> models, std::vector<std::string> installed = {},
                     std::vector<ModelAlias> aliases = {});

  std::string json() const;  // {"object": "list", "data": […]}
  // One of them, by the name that a client wrote and the one that it means; none: it is not there.
  std::optional<std::string> json_of(std::string_view written, std::string_view meant) const;
  std::vector<std::string> names() const;

 private:
  struct Entry {
    std::string name;
    const ServedModel* model = nullptr;  // null: it is installed only
    std::string alias = {};              // that this entry is about; empty: the model itself
  };
  boost::json::object object_of(const Entry& entry) const;
  boost::json::array aliases_of(const Entry& entry) const;

  std::vector<ModelAlias> aliases_;
  std::vector<Entry> entries_;
};

}  // namespace oc
