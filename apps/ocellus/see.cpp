// ocellus see IMAGE: what the model sees. Needs the model's config files, not its weights.
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "config_flags.h"
#include "io/json_text.h"
#include "io/safetensors.h"
#include "models/registry.h"
#include "pictures.h"
#include "runtime/library/names.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

struct SeeFlags {
  std::string file;
  ConfigFlags settings;
  std::optional<int> num_crops;
  std::string out;     // folder
  std::string tensor;  // file
  bool json = false;
};

template <class T>
T value_or_fail(Result<T> result) {
  if (!result.ok()) fail(result.error());
  return *std::move(result);
}

// View `index` as it was before the normalisation.
Image denormalised(const ImageViews& views, int index) {
  const auto side = static_cast<std::size_t>(views.side);
  Image image{views.side, views.side, std::vector<std::uint8_t>(side * side * 3)};
  const float* planes = views.pixels.data() + static_cast<std::size_t>(index) * 3 * side * side;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t i = 0; i < side * side; ++i) {
      const float value = (planes[c * side * side + i] * views.std[c] + views.mean[c]) * 255.0f;
      image.rgb[3 * i + c] =
          static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0f, 255.0f)));
    }
  return image;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  const std::vector<std::byte> png = encode_png(image);
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(png.data()), static_cast<std::streamsize>(png.size()));
  if (!file.flush()) throw ExitError{1, "cannot write " + path.string()};
}

void write_views(const std::filesystem::path& folder, const ImageViews& views,
                 const ImagePlan& plan) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw ExitError{1, "cannot make the folder " + folder.string(), error.message()};
  write_png(folder / "global.png", denormalised(views, 0));
  for (int row = 0; row < plan.crops_h; ++row)
    for (int col = 0; col < plan.crops_w; ++col)
      write_png(folder / fmt::format("crop_{}_{}.png", row, col),
                denormalised(views, 1 + row * plan.crops_w + col));
}

// pixel_values [1, views, 3, S, S] float32 and image_sizes [1, 2] int64 (height, width), as the
// reference's processor names them; without its zero padding.
void write_tensor(const std::filesystem::path& path, const ImageViews& views,
                  const ImagePlan& plan) {
  const std::int64_t side = views.side;
  const std::int64_t count = static_cast<std::int64_t>(views.pixels.size()) / (3 * side * side);
  const std::int64_t sizes[] = {plan.canvas_height, plan.canvas_width};
  const TensorView tensors[] = {
      {"pixel_values", DType::kF32, Shape{1, count, 3, side, side},
       std::as_bytes(std::span(views.pixels)), ""},
      {"image_sizes", DType::kI64, Shape{1, 2}, std::as_bytes(std::span(sizes)), ""}};
  if (const auto written = write_safetensors(path, tensors); !written.ok()) fail(written.error());
}

void print_text(const Picture& picture, const ImagePlan& plan) {
  const auto line = [](std::string_view name, const std::string& value) {
    show_line(fmt::format("{:<11}{}", name, value));
  };
  line("picture",
       fmt::format("{} x {} {}{}", plan.width, plan.height, to_string(picture.info.format),
                   picture.info.exif_orientation == 1
                       ? ""
                       : fmt::format(", turned upright (EXIF orientation {})",
                                     picture.info.exif_orientation)));
  line("resized to", fmt::format("{} x {}{}", plan.effective_width, plan.effective_height,
                                 plan.transposed ? ", transposed meanwhile" : ""));
  line("canvas", fmt::format("{} x {}, the rest white", plan.canvas_width, plan.canvas_height));
  line("crops", fmt::format("{} wide x {} high, and a global view (at most {} asked for)",
                            plan.crops_w, plan.crops_h, plan.num_crops));
  line("tokens", fmt::format("{}", plan.tokens));
}

void print_json(const Picture& picture, const ImagePlan& plan) {
  const boost::json::object out = {{"format", to_string(picture.info.format)},
                                   {"exif_orientation", picture.info.exif_orientation},
                                   {"width", plan.width},
                                   {"height", plan.height},
                                   {"effective_width", plan.effective_width},
                                   {"effective_height", plan.effective_height},
                                   {"canvas_width", plan.canvas_width},
                                   {"canvas_height", plan.canvas_height},
                                   {"num_crops", plan.num_crops},
                                   {"crops_w", plan.crops_w},
                                   {"crops_h", plan.crops_h},
                                   {"transposed", plan.transposed},
                                   {"tokens", plan.tokens}};
  show_line(json_text(out));
}

void see(const SeeFlags& flags) {
  quiet_logs();
  const auto folder = value_or_fail(resolve_model(read_flags(flags.settings).model.path));
  const auto blueprint = value_or_fail(open_blueprint(folder));
  const Picture picture = value_or_fail(read_picture(flags.file));
  const ImagePlan plan = value_or_fail(
      blueprint->plan_image(picture.image->width, picture.image->height, flags.num_crops));
  if (!flags.out.empty() || !flags.tensor.empty()) {
    const ImageViews views = value_or_fail(blueprint->preprocess(*picture.image, plan));
    if (!flags.out.empty()) write_views(flags.out, views, plan);
    if (!flags.tensor.empty()) write_tensor(flags.tensor, views, plan);
  }
  flags.json ? print_json(picture, plan) : print_text(picture, plan);
}

}  // namespace

void add_see(CLI::App& app) {
  auto flags = std::make_shared<SeeFlags>();
  CLI::App& verb = *app.add_subcommand("see", "Show what the model sees of a picture");
  verb.add_option("image", flags->file, "Picture file (JPEG, PNG, WebP); - is standard input")
      ->required()
      ->option_text("IMAGE");
  add_setting_flags(verb, flags->settings, takers::kLook);
  verb.add_option("--num-crops", flags->num_crops,
                  "Most crops the picture is cut into, 1 to 64 (default: the model's)");
  verb.add_option("--out", flags->out,
                  "Write the views into this folder as PNG: crop_ROW_COLUMN "
                  "and global")
      ->option_text("DIR");
  verb.add_option("--tensor", flags->tensor,
                  "Write pixel_values [1, views, 3, S, S] and image_sizes [1, 2] to this "
                  "safetensors file")
      ->option_text("FILE");
  verb.add_flag("--json", flags->json, "Print the sizes as a JSON object");
  verb.callback([flags] { see(*flags); });
}

}  // namespace oc
