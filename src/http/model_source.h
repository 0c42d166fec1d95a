// Where the routes get the thing that answers: one of several models, by the request's name. In the
// program a ModelHost.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/model_alias.h"
#include "api/served_model.h"
#include "http/backend.h"

namespace oc::http {

// Any thread.
class ModelSource {
 public:
  using Ready = std::function<void(Result<std::shared_ptr<Backend>>)>;
  using Switched = std::function<void(Result<void>)>;
  virtual ~ModelSource() = default;

  // The one that answers requests without a name; none before the first one is ready.
  virtual std::optional<ServedModel> active() const = 0;
  // Looks at the disk for what `ocellus verify` has said of each.
  virtual void add_certificates(std::vector<ServedModel>&) const {}
  virtual std::vector<ServedModel> models() const = 0;     // known so far, the active one first
  virtual std::vector<std::string> installed() const = 0;  // names on the disk, known or not
  virtual void look_again() {}                             // what is on the disk has changed
  // Names that the operator has given, each with the name of the model that it reaches now. May
  // look at the disk.
  virtual std::vector<ModelAlias> aliases() const { return {}; }
  // What a client's text means: a model that is called exactly so, or else one that is called so
  // without regard to case and ":latest". Itself where there is none. Clients' names go through
  // this, once, before anything below is asked about them. May look at the disk.
  virtual std::string resolve(const std::string& name) const { return name; }
  // What lists call the model that such a text means; the text itself where there is none.
  virtual std::string listed_name(const std::string& name) const { return resolve(name); }
  // For hints about a model that is not there, as resolve() has it: which alias stands for it, and
  // how it gets here. Ends with "; " where it is not empty.
  virtual std::string how_to_get(const std::string&) const { return {}; }
  virtual ServiceStats stats() const = 0;  // of all
  // Of requests that name this model, which need not be loaded or there.
  virtual RequestDefaults defaults(const std::string& name) const = 0;
  // Whether a request that names this model would have one loaded that is not the active one.
  virtual bool loads(const std::string&) const { return false; }
  // What is told to a client that names a model so and is answered by one of another name; empty:
  // nothing.
  virtual std::string note(const std::string&) const { return {}; }
  // At once or, when it has to be loaded first, later and on another thread. The backend stays
  // loaded as long as somebody holds it or an answer of it is under way.
  virtual void find(const std::string& name, Ready ready) = 0;
  // Once nobody uses it, until the next request for it. kNotFound.
  virtual Result<void> unload(const std::string&) { return {}; }
  // Errors are for clients: no folder shows.
  virtual void activate(const std::string& name, Switched done) = 0;
};

}  // namespace oc::http
