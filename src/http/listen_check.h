// Whether an address could be listened on, for settings that only the next start will use.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace oc::http {

// "localhost" or an address of this machine, and a port that this process may take and that is
// free; 0: any. Takes the port for a moment. kInvalidArgument says which of it is wrong and names
// server.host or server.port.
Result<void> check_listen(const std::string& host, std::uint16_t port);

}  // namespace oc::http
