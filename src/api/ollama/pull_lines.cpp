#include "api/ollama/pull_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>

#include "api/ollama/answer_lines.h"
#include "io/digest.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

// Their clients draw one bar for each digest. There is one for the whole pull; what it is the
// digest of says what is pulled, not its bytes.
std::string digest_of(const hub::ModelRef& ref) {
  Digest digest;
  digest.add(fmt::format("{}@{}", ref.repo, ref.revision));
  return "sha256:" + digest.finish_hex();
}

void append_line(std::string& out, const json::object& line) { out += json_text(line) + '\n'; }

class PullLines final : public PullWriter {
 public:
  std::string_view type() const override { return kJsonLines; }
  std::string_view ping() const override { return {}; }

  void progress(std::string& out, const hub::ModelRef& ref, const hub::PullProgress& now,
                double) const override {
    const bool checking = now.phase == hub::PullProgress::Phase::kChecking;
    json::object line;
    line["status"] = checking ? "verifying sha256 digest" : fmt::format("pulling {}", ref.repo);
    line["digest"] = digest_of(ref);
    line["total"] = now.total;
    line["completed"] = std::min(now.done, now.total);
    append_line(out, line);
  }
  void note(std::string& out, const hub::ModelRef&, std::string_view text) const override {
    append_line(out, {{"status", text}});
  }
  void done(std::string& out, const hub::ModelRef& ref,
            const hub::PullReport& report) const override {
    out += whole(ref, report) + '\n';
  }
  void failed(std::string& out, const ApiError& error) const override {
    out += ollama_error_json(error) + '\n';
  }
  std::string whole(const hub::ModelRef&, const hub::PullReport&) const override {
    return json_text(json::object{{"status", "success"}});
  }
};

}  // namespace

const PullWriter& ollama_pull_lines() {
  static const PullLines kLines;
  return kLines;
}

}  // namespace oc
