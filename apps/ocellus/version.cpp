#include "version.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/version.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "engines/registry.h"
#include "image/image.h"
#include "line_editor.h"

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
  if (!has_mlx_engine())
    left_out.emplace_back("the engine mlx (MLX was not there: docs/mlx.md)");
  else
    engines += fmt::format(", mlx {}", kMlx);
  if (kXgrammar.empty())
    left_out.emplace_back("json_schema (xgrammar was not there: `make grammar`, then build again)");
  if (!has_line_editing())
    left_out.emplace_back("line editing in chat (libedit was not there: tools/install_deps.sh)");
  std::vector<std::string_view> pictures;
  for (const ImageFormat format : kImageFormats)
    if (is_built_in(format)) pictures.push_back(to_string(format));
  for (const auto& [format, library] :
       {std::pair{ImageFormat::kHeic, "libde265"}, std::pair{ImageFormat::kAvif, "dav1d"},
        std::pair{ImageFormat::kTiff, "libtiff"}})
    if (!is_built_in(format))
      left_out.push_back(fmt::format("{} pictures ({} was not there: tools/install_deps.sh)",
                                     to_string(format), library));
  return fmt::format(
      "ocellus {}\n"
      "commit       {}\n"
      "engines      {}\n"
      "pictures     {}\n"
      "json_schema  {}\n"
      "left out     {}\n"
      "built with   {}, Boost {}.{}, Highway {}, fmt {}.{}.{}",
      OCELLUS_VERSION, source_commit(), engines, fmt::format("{}", fmt::join(pictures, ", ")),
      kXgrammar.empty() ? "not built in" : fmt::format("xgrammar {}", kXgrammar),
      left_out.empty() ? "nothing" : fmt::format("{}", fmt::join(left_out, ", ")), compiler(),
      BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, OCELLUS_HIGHWAY, FMT_VERSION / 10000,
      FMT_VERSION / 100 % 100, FMT_VERSION % 100);
}

ProgramBuild this_build() { return {OCELLUS_VERSION, std::string(source_commit())}; }

}  // namespace oc
