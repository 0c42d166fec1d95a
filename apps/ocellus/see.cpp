// ocellus see IMAGE: what the model sees. Needs the model's config files, not its weights.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>

#include "base/ascii.h"
#include "config_flags.h"
#include "image/resize.h"
#include "image_flags.h"
#include "images.h"
#include "inline_picture.h"
#include "io/json_text.h"
#include "io/safetensors.h"
#include "models/registry.h"
#include "runtime/library/names.h"
#include "terminal.h"
#include "verbs.h"

namespace oc {
namespace {

struct SeeFlags {
  std::string file;
  ConfigFlags settings;
  ImageOptions options;
  std::string picture;  // file
  std::string out;      // folder
  std::string tensor;   // file
  std::string show_inline = "auto";
  bool json = false;
};

template <class T>
T value_or_fail(Result<T> result) {
  if (!result.ok()) fail(result.error());
  return *std::move(result);
}

// View `index` as it was before the normalisation.
Image denormalised(const ImageViews& views, std::size_t index) {
  const auto side = static_cast<std::size_t>(views.side);
  Image image{views.side, views.side, std::vector<std::uint8_t>(side * side * 3)};
  const float* planes = views.pixels.data() + index * 3 * side * side;
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

void write_views(const std::filesystem::path& folder, const ImageViews& views) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw ExitError{1, "cannot make the folder " + folder.string(), error.message()};
  for (std::size_t view = 0; view < views.names.size(); ++view)
    write_png(folder / (views.names[view] + ".png"), denormalised(views, view));
}

struct SheetCell {
  int row = 0, column = 0;
};

// Where each view stands: "crop_1_2" by its numbers, right of the whole picture.
std::vector<SheetCell> sheet_cells(const std::vector<std::string>& names) {
  std::vector<SheetCell> cells;
  std::set<int> rows, columns;
  for (const std::string& name : names) {
    std::vector<int> numbers;
    for (std::size_t i = 0; i < name.size(); ++i)
      if (is_digit(name[i])) {
        const bool goes_on = i > 0 && is_digit(name[i - 1]);
        if (!goes_on) numbers.push_back(0);
        numbers.back() = numbers.back() * 10 + (name[i] - '0');
      }
    cells.push_back(numbers.size() == 2 ? SheetCell{numbers[0], numbers[1]} : SheetCell{-1, -1});
    if (numbers.size() == 2) rows.insert(numbers[0]), columns.insert(numbers[1]);
  }
  for (SheetCell& cell : cells)
    cell = cell.row < 0 ? SheetCell{0, 0}
                        : SheetCell{cell.row - *rows.begin(), cell.column - *columns.begin() + 1};
  return cells;
}

// All views in one picture, a grey line between them.
Image sheet_of(const ImageViews& views) {
  constexpr int kMostSide = 800, kGap = 4;
  const std::vector<SheetCell> cells = sheet_cells(views.names);
  int columns = 1, rows = 1;
  for (const SheetCell& cell : cells) {
    columns = std::max(columns, cell.column + 1);
    rows = std::max(rows, cell.row + 1);
  }
  const int side = std::min(views.side, std::max(1, kMostSide / std::max(columns, rows) - kGap));
  Image sheet{columns * (side + kGap) - kGap, rows * (side + kGap) - kGap, {}};
  const auto line = static_cast<std::size_t>(sheet.width) * 3;  // bytes
  sheet.rgb.assign(line * static_cast<std::size_t>(sheet.height), 128);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Image view = resize_bilinear(denormalised(views, i), side, side);
    const auto top = static_cast<std::size_t>(cells[i].row * (side + kGap)),
               left = static_cast<std::size_t>(cells[i].column * (side + kGap)) * 3,
               bytes = static_cast<std::size_t>(side) * 3;
    for (std::size_t row = 0; row < static_cast<std::size_t>(side); ++row)
      std::memcpy(sheet.rgb.data() + (top + row) * line + left, view.rgb.data() + row * bytes,
                  bytes);
  }
  return sheet;
}

// pixel_values [1, views, 3, S, S] float32 and the family's sizes [1, n] int64, as the reference's
// processor names them; without its zero padding.
void write_tensor(const std::filesystem::path& path, const ImageViews& views) {
  const std::int64_t side = views.side;
  std::vector<TensorView> tensors = {{"pixel_values", DType::kF32,
                                      Shape{1, std::ssize(views.names), 3, side, side},
                                      std::as_bytes(std::span(views.pixels)), ""}};
  for (const auto& [name, values] : views.sizes)
    tensors.push_back(
        {name, DType::kI64, Shape{1, std::ssize(values)}, std::as_bytes(std::span(values)), ""});
  if (const auto written = write_safetensors(path, tensors); !written.ok()) fail(written.error());
}

void print_text(const NamedImage& picture, const ImagePlan& plan) {
  const auto line = [](std::string_view name, const std::string& value) {
    show_line(fmt::format("{:<11}{}", name, value));
  };
  line("picture",
       fmt::format("{} x {} {}{}", plan.width, plan.height, to_string(picture.info.format),
                   picture.info.exif_orientation == 1
                       ? ""
                       : fmt::format(", turned upright (EXIF orientation {})",
                                     picture.info.exif_orientation)));
  if (!picture.image->note.empty()) line("note", picture.image->note);
  for (const auto& [name, value] : plan.description.lines) line(name, value);
  line("tokens", fmt::format("{}", plan.tokens));
}

void see(const SeeFlags& flags) {
  quiet_logs();
  const Settings settings = read_flags(flags.settings, takers::kLook);
  const auto folder = value_or_fail(resolve_model(settings.model.path));
  const auto blueprint = value_or_fail(open_blueprint(folder));
  const NamedImage picture = value_or_fail(read_image(flags.file, settings.defaults.pictures));
  if (!flags.picture.empty()) write_png(flags.picture, *picture.image);
  const ImagePlan plan = value_or_fail(
      blueprint->plan_image(picture.image->width, picture.image->height, flags.options));
  const bool in_terminal = shows_inline(flags.show_inline, !flags.json);
  std::optional<Image> sheet;
  if (!flags.out.empty() || !flags.tensor.empty() || in_terminal) {
    const ImageViews views = value_or_fail(blueprint->preprocess(*picture.image, plan));
    if (!flags.out.empty()) write_views(flags.out, views);
    if (!flags.tensor.empty()) write_tensor(flags.tensor, views);
    if (in_terminal) sheet = sheet_of(views);
  }
  flags.json ? show_line(json_text(image_json(picture, plan))) : print_text(picture, plan);
  if (sheet) show_inline(*std::move(sheet));
}

}  // namespace

void add_see(CLI::App& app) {
  auto flags = std::make_shared<SeeFlags>();
  CLI::App& verb = *app.add_subcommand("see", "Show what the model sees of a picture");
  verb.add_option("image", flags->file, "A picture: a file, a data: URI, or - for standard input")
      ->required()
      ->option_text("IMAGE");
  add_setting_flags(verb, flags->settings, takers::kLook);
  add_image_flags(verb, flags->options, false, "Pictures");
  verb.add_option("--picture", flags->picture,
                  "Write the picture as it was read, upright and in its colours, as PNG")
      ->option_text("FILE")
      ->group("Output");
  verb.add_option("--out", flags->out, "Write the views into this folder as PNG")
      ->option_text("DIR")
      ->group("Output");
  verb.add_option("--tensor", flags->tensor,
                  "Write pixel_values [1, views, 3, S, S] and the sizes that belong to it to this "
                  "safetensors file")
      ->option_text("FILE")
      ->group("Output");
  verb.add_flag("--json", flags->json, "Print the sizes as a JSON object")->group("Output");
  add_inline_flag(verb, flags->show_inline);
  add_examples(verb, {"ocellus see photo.jpg --out views"});
  verb.callback([flags] { see(*flags); });
}

}  // namespace oc
