#include "api/config/keys.h"

namespace oc {
namespace {

constexpr std::string_view kLabel = "a label for people";
constexpr std::string_view kPython = "describes the Python system; this program needs none of it";
constexpr std::string_view kTold = "what a model can do is read from the model itself";
constexpr std::string_view kWeights = "the checkpoint says how its weights are stored";
constexpr std::string_view kPlaced = "--engine says where the model is computed";
constexpr std::string_view kEngine = "the engine is always as fast as it can be";
constexpr std::string_view kMemory =
    "memory is bounded by limits.kv_memory_mb, limits.max_memory_mb and cache_settings";
constexpr std::string_view kNoFiles = "no picture is written to a temporary file";
constexpr std::string_view kTemplate =
    "the prompt follows the model's own chat template; raw prefixes made answers empty";

constexpr Key kKeys[] = {
    {.path = "version", .meaning = "Label of the configuration", .reason = kLabel},

    {.path = "capabilities.vision",
     .kind = Kind::kBool,
     .meaning = "Reads pictures",
     .reason = kTold},
    {.path = "capabilities.text_generation",
     .kind = Kind::kBool,
     .meaning = "Writes text",
     .reason = kTold},
    {.path = "capabilities.image_understanding",
     .kind = Kind::kBool,
     .meaning = "Answers about pictures",
     .reason = kTold},
    {.path = "capabilities.conversation",
     .kind = Kind::kBool,
     .meaning = "Takes several turns",
     .reason = kTold},
    {.path = "capabilities.multimodal",
     .kind = Kind::kBool,
     .meaning = "Text and pictures together",
     .reason = kTold},
    {.path = "capabilities.apple_silicon_optimized",
     .kind = Kind::kBool,
     .meaning = "Tuned for Apple silicon",
     .reason = kTold},

    {.path = "model_config.torch_dtype", .meaning = "Type of PyTorch weights", .reason = kWeights},
    {.path = "model_config.quantization", .meaning = "Type of weights", .reason = kWeights},
    {.path = "model_config.device_map", .meaning = "Where PyTorch puts layers", .reason = kPlaced},
    {.path = "model_config.trust_remote_code",
     .kind = Kind::kBool,
     .meaning = "Run code that comes with a model",
     .reason = "no code that comes with a model is ever run"},
    {.path = "model_config.low_cpu_mem_usage",
     .kind = Kind::kBool,
     .meaning = "Load in pieces",
     .reason = "weights are always mapped, never copied"},
    {.path = "model_config._attn_implementation",
     .meaning = "PyTorch's attention",
     .reason = kEngine},

    {.path = "mlx_config.quantization_bits",
     .kind = Kind::kInteger,
     .meaning = "Bits of a weight",
     .min = 1,
     .max = 32,
     .reason = kWeights},
    {.path = "mlx_config.temp_image_cleanup",
     .kind = Kind::kBool,
     .meaning = "Delete temporary pictures",
     .reason = kNoFiles},

    {.path = "image_processing.quality",
     .kind = Kind::kInteger,
     .meaning = "JPEG quality",
     .min = 1,
     .max = 100,
     .reason = "pictures are never encoded again"},

    {.path = "generation_config.use_cache",
     .kind = Kind::kBool,
     .meaning = "Keep keys and values",
     .reason = "keys and values are always kept; the answer is the same, only sooner"},
    {.path = "generation_config.pad_token_id",
     .meaning = "Token that fills up a batch",
     .reason = "nothing is padded"},

    {.path = "server.framework", .meaning = "Python web framework", .reason = kPython},
    {.path = "server.threaded",
     .kind = Kind::kBool,
     .meaning = "A thread for each request",
     .reason = "requests always run side by side"},
    {.path = "server.processes",
     .kind = Kind::kInteger,
     .meaning = "Server processes",
     .min = 1,
     .max = 1024,
     .reason = "one process serves everything"},

    {.path = "performance.compile_model",
     .kind = Kind::kBool,
     .meaning = "torch.compile",
     .reason = kEngine},
    {.path = "performance.use_flash_attention",
     .kind = Kind::kBool,
     .meaning = "PyTorch's attention",
     .reason = kEngine},
    {.path = "performance.enable_optimizations",
     .kind = Kind::kBool,
     .meaning = "Optimise at all",
     .reason = kEngine},
    {.path = "performance.apple_silicon_mps",
     .kind = Kind::kBool,
     .meaning = "PyTorch on Apple GPUs",
     .reason = kPlaced},
    {.path = "performance.int4_quantization",
     .kind = Kind::kBool,
     .meaning = "4-bit weights",
     .reason = kWeights},
    {.path = "performance.memory_optimization",
     .meaning = "How hard to save memory",
     .choices = "none|low|medium|high",
     .reason = kMemory},
    {.path = "performance.smart_memory_cleanup",
     .kind = Kind::kBool,
     .meaning = "Empty caches now and then",
     .reason = kMemory},

    {.path = "optimization_flags.use_mps",
     .kind = Kind::kBool,
     .meaning = "PyTorch on Apple GPUs",
     .reason = kPlaced},
    {.path = "optimization_flags.half_precision",
     .kind = Kind::kBool,
     .meaning = "16-bit weights",
     .reason = kWeights},
    {.path = "optimization_flags.mlx_primary",
     .kind = Kind::kBool,
     .meaning = "Try MLX first",
     .reason = kPlaced},
    {.path = "optimization_flags.memory_efficient",
     .kind = Kind::kBool,
     .meaning = "Save memory",
     .reason = kMemory},

    {.path = "special_tokens.user_prefix", .meaning = "Before a question", .reason = kTemplate},
    {.path = "special_tokens.assistant_prefix", .meaning = "Before an answer", .reason = kTemplate},

    {.path = "cache_settings.temp_file_cleanup",
     .kind = Kind::kBool,
     .meaning = "Delete temporary files",
     .reason = kNoFiles},
    {.path = "cache_settings.cleanup_interval",
     .kind = Kind::kInteger,
     .meaning = "Requests between clean-ups",
     .min = 0,
     .max = 1e9,
     .reason = kNoFiles},

    {.path = "environment.required_packages",
     .kind = Kind::kStrings,
     .meaning = "Python packages",
     .reason = kPython},
    {.path = "environment.optional_packages",
     .kind = Kind::kStrings,
     .meaning = "Python packages",
     .reason = kPython},
    {.path = "environment.python_version", .meaning = "Python", .reason = kPython},
    {.path = "environment.platform", .meaning = "Operating system", .reason = kPython},
    {.path = "environment.recommended_hardware", .meaning = "Machine", .reason = kPython},
};

}  // namespace

std::span<const Key> keys_without_effect() { return kKeys; }

}  // namespace oc
