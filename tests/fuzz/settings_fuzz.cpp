// A configuration file: whatever its bytes, findings or settings; and the settings again from what
// the first reading shows.
#include <boost/json/serialize.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/backend/config.h"
#include "api/config/config.h"
#include "api/config/settings.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  oc::Config config;
  config.read_json(text, "fuzz.json");
  const oc::Settings settings = oc::make_settings(config);
  OC_CHECK(boost::json::serialize(oc::to_json(config)).size() > 2, "nothing is shown");
  if (!config.has_errors()) OC_CHECK(!settings.model.path.empty(), "no model, and no error");
  for (const oc::Finding& finding : config.findings())
    OC_CHECK(!finding.message.empty(), "a finding without words");
  // The same bytes as a PATCH of the backend.
  if (const auto patch = oc::parse_backend_patch(text); patch.ok()) {
    oc::BackendConfig backend;
    oc::apply_patch(*patch, backend);
    OC_CHECK(!oc::changes_json(*patch).empty(), "no text");
  }
  return 0;
}
