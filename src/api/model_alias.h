// A name that the operator has given to a model (--alias), beside those that it has itself.
#pragma once

#include <string>

namespace oc {

struct ModelAlias {
  std::string name;   // as clients may write it
  std::string model;  // another name of the model
};

}  // namespace oc
