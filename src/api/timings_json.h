// Where an answer's time went, as JSON: for the API and the command line.
#pragma once

#include <boost/json/object.hpp>

namespace oc {

struct Timings;

// Every member of Timings by its name, to three decimals: {"queue_ms": 0.0, …}.
boost::json::object timings_json(const Timings& timings);

}  // namespace oc
