// A checkpoint in full precision, quantised when it is loaded: the quantised copy is made once, by
// the same code as `ocellus quantize`, and kept beside the models folder.
//
//   $OCELLUS_HOME/quantized/NAME-PATH-4bit-g64-INPUT/
//
// A copy on disk rather than in memory: it is mapped, shared and the system's to take back like any
// checkpoint, every engine reads it as it is, the next start finds it, and an interrupted one goes
// on. PATH and INPUT are digests of where the input lies and of its files' sizes and times, so that
// a changed input never meets an old copy.
#pragma once

#include <filesystem>

#include "runtime/quantize/quantize.h"

namespace oc {

// The folder of all copies; kNotFound: there is no home to keep them in.
Result<std::filesystem::path> quantised_folder();

// Where the copy of the plan's input lies or would lie. `name`: the model's, for people who look
// into the folder.
Result<std::filesystem::path> quantised_place(const QuantizePlan& plan, std::string_view name);

// Errors: config.json cannot be read, and so on.
Result<bool> is_quantised_folder(const std::filesystem::path& folder);

// The finished copy, made first where it is missing, while other processes that want the same one
// wait. Copies of what `input` was before are removed. Errors: those of quantize(); kUnsupported:
// it is quantised already.
Result<std::filesystem::path> quantised_copy(const std::filesystem::path& input,
                                             std::string_view name, const QuantSpec& spec,
                                             const QuantizeRun& run = {});

// Every copy of a model folder that goes away. Those that a process is writing to stay.
void remove_quantised_copies(const std::filesystem::path& input);

}  // namespace oc
