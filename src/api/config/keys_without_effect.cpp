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

constexpr std::string_view kPixels =
    "pictures are shown as they are, and as large as the model takes them";
constexpr std::string_view kHowDrawn = "generation_config says how answers are drawn";
constexpr std::string_view kOwnCaches =
    "image_processing.cache_enabled and cache_settings say what is kept";
constexpr std::string_view kNotEncoded = "pictures are never encoded again";
constexpr std::string_view kNoCode = "no code that comes with a model is ever run";
constexpr std::string_view kMapped = "weights are always mapped, never copied";
constexpr std::string_view kKept =
    "keys and values are always kept; the answer is the same, only sooner";
constexpr std::string_view kTogether = "requests always run side by side";

constexpr Key kWithoutEffect[] = {
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
     .reason = kNoCode},
    {.path = "model_config.low_cpu_mem_usage",
     .kind = Kind::kBool,
     .meaning = "Load in pieces",
     .reason = kMapped},
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
     .reason = kNotEncoded},

    {.path = "generation_config.use_cache",
     .kind = Kind::kBool,
     .meaning = "Keep keys and values",
     .reason = kKept},
    {.path = "generation_config.pad_token_id",
     .meaning = "Token that fills up a batch",
     .reason = "nothing is padded"},

    {.path = "server.framework", .meaning = "Python web framework", .reason = kPython},
    {.path = "server.threaded",
     .kind = Kind::kBool,
     .meaning = "A thread for each request",
     .reason = kTogether},
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

    // Of the files of SmolVLM2 and Moondream2, which name things otherwise.
    // clang-format off
    {.path = "model_file", .meaning = "Python file of the model", .reason = kPython},
    {.path = "model_type", .meaning = "What kind of model it is", .reason = kTold},
    {.path = "load_method", .meaning = "How the model is loaded", .reason = kPython},
    {.path = "trust_remote_code", .kind = Kind::kBool, .meaning = "Run code that comes with a model", .reason = kNoCode},
    {.path = "torch_dtype", .meaning = "Type of PyTorch weights", .reason = kWeights},
    {.path = "performance_notes", .meaning = "Words for people", .reason = kLabel},
    {.path = "testing_note", .meaning = "Words for people", .reason = kLabel},
    {.path = "server.type", .meaning = "Python web framework", .reason = kPython},
    {.path = "server.health_endpoint", .meaning = "Where the server tells how it is", .reason = kPython},
    {.path = "server.startup_script", .meaning = "Python file of the server", .reason = kPython},
    {.path = "image_processing.smart_crop", .kind = Kind::kBool, .meaning = "Cut pictures to what matters", .reason = kPixels},
    {.path = "image_processing.min_size", .kind = Kind::kInteger, .meaning = "Enlarge smaller pictures", .max = 1e9, .reason = kPixels},
    {.path = "image_processing.jpeg_quality", .kind = Kind::kInteger, .meaning = "JPEG quality", .min = 1, .max = 100, .reason = kNotEncoded},
    {.path = "image_processing.optimize", .kind = Kind::kBool, .meaning = "Make JPEG files smaller", .reason = kNotEncoded},
    {.path = "image_processing.resize_method", .meaning = "Filter of resizing", .reason = kPixels},
    {.path = "image_processing.noise_reduction.enabled", .kind = Kind::kBool, .meaning = "Smooth pictures", .reason = kPixels},
    {.path = "image_processing.noise_reduction.method", .meaning = "How", .reason = kPixels},
    {.path = "image_processing.noise_reduction.diameter", .kind = Kind::kInteger, .meaning = "How far", .max = 1e9, .reason = kPixels},
    {.path = "image_processing.noise_reduction.sigma_color", .kind = Kind::kNumber, .meaning = "How much", .max = 1e9, .reason = kPixels},
    {.path = "image_processing.noise_reduction.sigma_space", .kind = Kind::kNumber, .meaning = "How much", .max = 1e9, .reason = kPixels},
    {.path = "image_processing.color_balance.enabled", .kind = Kind::kBool, .meaning = "Change colours", .reason = kPixels},
    {.path = "image_processing.color_balance.method", .meaning = "How", .reason = kPixels},
    {.path = "image_processing.color_balance.l_channel_boost", .kind = Kind::kNumber, .meaning = "How much", .max = 1e9, .reason = kPixels},
    {.path = "image_processing.color_balance.ab_channel_boost", .kind = Kind::kNumber, .meaning = "How much", .max = 1e9, .reason = kPixels},
    {.path = "image_processing.preprocessing.contrast_factor", .kind = Kind::kNumber, .meaning = "How much is changed", .max = 1e9, .reason = kPixels},
    {.path = "image_processing.preprocessing.brightness_factor", .kind = Kind::kNumber, .meaning = "How much is changed", .max = 1e9, .reason = kPixels},
    {.path = "image_processing.preprocessing.sharpness_factor", .kind = Kind::kNumber, .meaning = "How much is changed", .max = 1e9, .reason = kPixels},
    {.path = "inference.batch_size", .kind = Kind::kInteger, .meaning = "Requests at a time", .max = 1e9, .reason = kTogether},
    {.path = "inference.expected_response_time", .kind = Kind::kNumber, .meaning = "Seconds that it took", .max = 1e9, .reason = kLabel},
    {.path = "inference.temperature", .kind = Kind::kNumber, .meaning = "How freely tokens are drawn", .max = 1e9, .reason = kHowDrawn},
    {.path = "inference.do_sample", .kind = Kind::kBool, .meaning = "Draw tokens at all", .reason = kHowDrawn},
    {.path = "inference.num_beams", .kind = Kind::kInteger, .meaning = "Beams of a search", .max = 1e9, .reason = kHowDrawn},
    {.path = "inference.torch_dtype", .meaning = "Type of PyTorch weights", .reason = kWeights},
    {.path = "inference.use_half_precision", .kind = Kind::kBool, .meaning = "16-bit weights", .reason = kWeights},
    {.path = "inference.fast_mode", .kind = Kind::kBool, .meaning = "Be fast", .reason = kEngine},
    {.path = "inference.use_cache", .kind = Kind::kBool, .meaning = "Keep keys and values", .reason = kKept},
    {.path = "inference.special_api.encode_image", .kind = Kind::kBool, .meaning = "Functions of the model's Python code", .reason = kPython},
    {.path = "inference.special_api.answer_question", .kind = Kind::kBool, .meaning = "Functions of the model's Python code", .reason = kPython},
    {.path = "inference.special_api.custom_tokenizer", .kind = Kind::kBool, .meaning = "Functions of the model's Python code", .reason = kPython},
    {.path = "inference.optimization.mps_acceleration", .kind = Kind::kBool, .meaning = "PyTorch on Apple GPUs", .reason = kPlaced},
    {.path = "inference.optimization.memory_management", .kind = Kind::kBool, .meaning = "Save memory", .reason = kMemory},
    {.path = "inference.optimization.image_caching", .kind = Kind::kBool, .meaning = "Keep encoded pictures", .reason = kOwnCaches},
    {.path = "inference.optimization.response_caching", .kind = Kind::kBool, .meaning = "Keep answers", .reason = kOwnCaches},
    {.path = "memory.required_gb", .kind = Kind::kNumber, .meaning = "GB that the model takes", .max = 1e9, .reason = kMemory},
    {.path = "memory.max_memory_gb", .kind = Kind::kNumber, .meaning = "GB that it may take", .max = 1e9, .reason = kMemory},
    {.path = "memory.cleanup_interval", .kind = Kind::kInteger, .meaning = "Requests between clean-ups", .max = 1e9, .reason = kMemory},
    {.path = "memory.cleanup_aggressive", .kind = Kind::kBool, .meaning = "When memory is cleaned up", .reason = kMemory},
    {.path = "memory.aggressive_cleanup", .kind = Kind::kBool, .meaning = "When memory is cleaned up", .reason = kMemory},
    {.path = "memory.smart_cleanup", .kind = Kind::kBool, .meaning = "When memory is cleaned up", .reason = kMemory},
    {.path = "memory.pre_check_memory", .kind = Kind::kBool, .meaning = "When memory is cleaned up", .reason = kMemory},
    {.path = "optimization.enable_kv_cache", .kind = Kind::kBool, .meaning = "Keep keys and values", .reason = kKept},
    {.path = "optimization.low_cpu_mem_usage", .kind = Kind::kBool, .meaning = "Load in pieces", .reason = kMapped},
    {.path = "optimization.skip_memory_checks", .kind = Kind::kBool, .meaning = "Look at no memory", .reason = kMemory},
    {.path = "optimization.image_caching", .kind = Kind::kBool, .meaning = "Keep encoded pictures", .reason = kOwnCaches},
    {.path = "optimization.batch_optimization", .kind = Kind::kBool, .meaning = "Several requests at a time", .reason = kTogether},
    {.path = "performance.optimization_level", .meaning = "How much is done for speed", .reason = kEngine},
    {.path = "performance.precision", .meaning = "Type of weights", .reason = kWeights},
    {.path = "performance.caching", .kind = Kind::kBool, .meaning = "Keep anything", .reason = kOwnCaches},
    {.path = "performance.batch_processing", .kind = Kind::kBool, .meaning = "Several requests at a time", .reason = kTogether},
    {.path = "api.temperature", .kind = Kind::kNumber, .meaning = "How freely tokens are drawn", .max = 1e9, .reason = kHowDrawn},
    {.path = "api.openai_compatible", .kind = Kind::kBool, .meaning = "Speak OpenAI's language", .reason = kPython},
    {.path = "api.endpoints", .kind = Kind::kStrings, .meaning = "Routes of the Python server", .reason = kPython},
    {.path = "api.note", .meaning = "Words for people", .reason = kLabel},
    // clang-format on
};

}  // namespace

std::span<const Key> keys_without_effect() { return kWithoutEffect; }

}  // namespace oc
