#include "models/tokenizer_file.h"

#include "io/files.h"

namespace oc {

Result<std::shared_ptr<const Tokenizer>> load_tokenizer(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer.json";
  const EmbeddedFile* file = embedded_file(path);
  if (file == nullptr) return Tokenizer::load(path);
  return Tokenizer::parse({reinterpret_cast<const char*>(file->bytes.data()), file->bytes.size()},
                          path.string());
}

}  // namespace oc
