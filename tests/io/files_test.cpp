#include "io/files.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "io/checkpoint.h"
#include "io/digest.h"
#include "io/json.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

std::string_view text_of(const EmbeddedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()};
}

TEST(Files, TheEmbeddedModelIsTheOneOfTheSourceTree) {
  const fs::path folder = fs::path(OC_SOURCE_DIR) / "models/demo";
  std::vector<std::string> names;
  for (const std::string& name : file_names(folder))
    if (name != "README.md") names.push_back(name);
  EXPECT_EQ(file_names(embedded_folder()), names);
  for (const EmbeddedFile& file : embedded_model()) {
    EXPECT_TRUE(text_of(file) == read_file(folder / file.name, 64u << 20).value()) << file.name;
    Digest digest;
    digest.add(file.bytes);
    EXPECT_EQ(digest.finish_hex(), file.sha256) << file.name;
  }
  EXPECT_EQ(model_bytes(embedded_folder()) + *file_bytes(folder / "README.md"),
            model_bytes(folder));
}

TEST(Files, ItIsReadAsIfItLayOnADisk) {
  EXPECT_TRUE(is_folder(embedded_folder()));
  EXPECT_TRUE(is_file(embedded_folder() / "config.json"));
  EXPECT_FALSE(is_file(embedded_folder() / "none.json"));
  EXPECT_FALSE(is_folder(embedded_folder() / "config.json"));
  const auto inside = Checkpoint::open(embedded_folder()).value();
  const auto outside = Checkpoint::open(fs::path(OC_SOURCE_DIR) / "models/demo").value();
  ASSERT_EQ(inside->tensors().size(), outside->tensors().size());
  for (std::size_t i = 0; i < inside->tensors().size(); ++i) {
    const TensorView &a = *inside->tensors()[i], &b = *outside->tensors()[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_TRUE(std::ranges::equal(a.data, b.data)) << a.name;
  }
  // In place: nothing is copied.
  const auto* file = embedded_file(embedded_folder() / "model.safetensors");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(inside->mapped().at(0).data(), file->bytes.data());
}

TEST(Files, OnlyThatFolderLeadsIntoTheProgram) {
  for (const char* path : {"config.json", "ocellus:demo", "x/ocellus:demo/config.json",
                           "/ocellus:demo/config.json", "ocellus:demo/x/config.json", ""})
    EXPECT_EQ(embedded_file(path), nullptr) << path;
  EXPECT_FALSE(file_bytes("/nowhere/config.json").ok());
  EXPECT_EQ(model_bytes("/nowhere"), 0u);
  EXPECT_TRUE(file_names("/nowhere").empty());
}

}  // namespace
}  // namespace oc
