// A floating-point number as people and JSON write it.
#pragma once

#include <string>

namespace oc {

// The shortest digits that read back as the same double: "0.7", "3.0", "-0.000001", "1e300". From
// 1e-6 to below 1e16 without an exponent; with one beyond. JSON knows neither: NaN becomes "null",
// an infinity a number that reads back as one.
std::string number_text(double value);
// To three decimals, as times for people are: 0.0 for what is no number.
double three_decimals(double value);

}  // namespace oc
