// The output folder of a quantisation: whose it is, what may lie in it, and what goes there beside
// the tensors.
#pragma once

#include <filesystem>

#include "runtime/quantize/state.h"

namespace oc {

// Held while it lives: no other process quantises into the folder.
class OutputFolder {
 public:
  // Makes the folder where it is missing, and removes what a killed run left half written. Errors:
  // the input's own folder; one that holds other files; one that another process writes to.
  static Result<std::unique_ptr<OutputFolder>> open(const std::filesystem::path& folder,
                                                    const std::filesystem::path& input);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::optional<QuantizeState>& earlier() const { return earlier_; }
  // Forgets an earlier run and removes its files.
  Result<void> clear();
  // kTooLarge when fewer than `bytes` (and a little more) are free.
  Result<void> check_space(std::size_t bytes) const;

 private:
  OutputFolder() = default;

  std::filesystem::path path_;
  int fd_ = -1;
  std::optional<QuantizeState> earlier_;
};

// Everything but the tensors: copies what belongs to a model (tokenizer, preprocessor, licence),
// writes the index, and last config.json with `quantization`, which makes the folder a model.
Result<void> write_companions(const std::filesystem::path& folder, const QuantizePlan& plan);

// config.json's text with "quantization" as its last member; all else stays byte for byte.
Result<std::string> with_quantization(std::string_view config, const QuantSpec& spec);

}  // namespace oc
