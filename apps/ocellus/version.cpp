#include "version.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/version.hpp>
#include <string_view>
#include <vector>

#include "image/image.h"

namespace oc {
namespace {

std::string compiler() {
#if defined(__apple_build_version__)
  return fmt::format("Apple clang {}", __clang_version__);
#elif defined(__clang__)
  return fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return fmt::format("g++ {}", __VERSION__);
#endif
}

}  // namespace

std::string version_text() {
  constexpr std::string_view kMlx = OCELLUS_MLX, kXgrammar = OCELLUS_XGRAMMAR;
  std::string engines = "cpu, reference";
  std::vector<std::string> left_out;
  if (kMlx.empty())
    left_out.emplace_back("the engine mlx (MLX was not there: docs/mlx.md)");
  else
    engines += fmt::format(", mlx {}", kMlx);
  if (kXgrammar.empty())
    left_out.emplace_back("json_schema (xgrammar was not there: `make grammar`, then build again)");
  std::vector<std::string_view> pictures;
  for (const ImageFormat format : kImageFormats)
    if (is_built_in(format)) pictures.push_back(to_string(format));
  if (!is_built_in(ImageFormat::kHeic))
    left_out.emplace_back("HEIC and AVIF pictures (libheif was not there: tools/install_deps.sh)");
  if (!is_built_in(ImageFormat::kTiff))
    left_out.emplace_back("TIFF pictures (libtiff was not there: tools/install_deps.sh)");
  return fmt::format(
      "ocellus {}\n"
      "engines      {}\n"
      "pictures     {}\n"
      "json_schema  {}\n"
      "left out     {}\n"
      "built with   {}, Boost {}.{}, Highway {}, fmt {}.{}.{}",
      OCELLUS_VERSION, engines, fmt::format("{}", fmt::join(pictures, ", ")),
      kXgrammar.empty() ? "not built in" : fmt::format("xgrammar {}", kXgrammar),
      left_out.empty() ? "nothing" : fmt::format("{}", fmt::join(left_out, ", ")), compiler(),
      BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, OCELLUS_HIGHWAY, FMT_VERSION / 10000,
      FMT_VERSION / 100 % 100, FMT_VERSION % 100);
}

}  // namespace oc
