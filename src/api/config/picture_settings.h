// Where pictures are got from that do not come with requests, as the configuration says.
#pragma once

#include "api/config/config.h"
#include "runtime/sources/picture_sources.h"

namespace oc {

// Names of hosts that are none become errors of `config`.
void check_picture_sources(Config& config);
// Of a configuration without errors.
PictureSourcesOptions picture_sources(const Config& config);

}  // namespace oc
