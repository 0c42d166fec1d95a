// A loaded model without a server: what happens to a request is what a server does with it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/chat_request.h"
#include "api/offline/answerer.h"
#include "api/served_model.h"
#include "runtime/serving/service.h"

namespace oc {

class Dialect;

struct LocalAnswererOptions {
  ServiceOptions service;
  RequestDefaults defaults;  // of requests that say nothing else
  ChatLimits limits;  // without `sources`
  // Where pictures are got from that requests name by their address; null: nowhere.
  std::shared_ptr<const PictureSources> sources = nullptr;
  std::string alias;  // another name of the model
  // Whether the run is to end: what runs and waits is given up. Any thread.
  std::function<bool()> stopped;
};

class LocalAnswerer final : public Answerer {
 public:
  LocalAnswerer(std::shared_ptr<const LoadedModel> model, LocalAnswererOptions options);

  // A path that no dialect knows is a 404, a request for another model too.
  ChatReply answer(std::string_view path, std::string body) override;
  const std::string& model() const override { return served_.name; }
  const std::string& answered_by() const override { return engine_; }
  TaskSupport tasks() const override { return served_.tasks; }
  std::string identity() const override { return served_.name + " " + served_.fingerprint; }

 private:
  Result<ChatRequest> read(const Dialect& dialect, std::string body) const;
  // `on_text` is called by another thread, not after the return.
  Result<GenerateResult> generate(ChatRequest& request, Service::OnText on_text);

  const LocalAnswererOptions options_;
  ServedModel served_;
  std::string engine_;
  Service service_;
};

}  // namespace oc
