#include "models/tokenizer_file.h"

#include "io/files.h"
#include "text/registry.h"

namespace oc {

Result<std::shared_ptr<const Tokenizer>> load_tokenizer(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer.json";
  const EmbeddedFile* file = embedded_file(path);
  if (file == nullptr) return load_tokenizer_json(path);
  return parse_tokenizer_json(
      {reinterpret_cast<const char*>(file->bytes.data()), file->bytes.size()}, path.string());
}

}  // namespace oc
