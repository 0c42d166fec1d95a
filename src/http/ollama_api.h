// What Ollama's clients ask beside questions: which models there are, and to bring or remove one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/model_alias.h"
#include "http/app.h"
#include "runtime/hub/installed.h"

namespace oc::http {

// Any thread. Its routes hold it, and it the app.
class OllamaApi : public std::enable_shared_from_this<OllamaApi> {
 public:
  explicit OllamaApi(std::shared_ptr<App> app) : app_(std::move(app)) {}

  void add_to(Router& router);

 private:
  using Answer = void (OllamaApi::*)(const RequestPtr& request,
                                     const ResponderPtr& responder) const;
  Handler handler(Answer answer);
  void tags(const RequestPtr& request, const ResponderPtr& responder) const;
  void ps(const RequestPtr& request, const ResponderPtr& responder) const;
  void version(const RequestPtr& request, const ResponderPtr& responder) const;
  void show(const RequestPtr& request, const ResponderPtr& responder) const;
  void pull(const RequestPtr& request, const ResponderPtr& responder) const;
  void remove(const RequestPtr& request, const ResponderPtr& responder) const;
  std::vector<ServedModel> served() const;
  std::vector<ModelAlias> aliases() const;
  std::vector<std::string> names_of(const std::vector<ServedModel>& models,
                                    const std::vector<hub::InstalledModel>& installed) const;

  const std::shared_ptr<App> app_;
};

}  // namespace oc::http
