#include "gonka/model/config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "fmt/format.h"
#include "gonka/base/json.h"

namespace gonka::model {
namespace {

constexpr uint64_t kLayersMax = 1024;
constexpr uint64_t kHiddenMax = 1 << 16;
constexpr uint64_t kFfnMax = 1 << 20;
constexpr uint64_t kVocabMax = 1 << 20;
constexpr uint64_t kContextMax = 1 << 24;

constexpr uint64_t kExpertsMax = 1024;

constexpr std::string_view kArchitectures[] = {"llama", "qwen2", "qwen3", "qwen3moe"};

// What such a file may say. Anything else under "llama." would change the answers.
constexpr std::array<std::string_view, 24> kKnownKeys = {
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "rope.freq_base",
    "rope.dimension_count",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.attn_factor",
    "rope.scaling.finetuned",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "vocab_size",
    "expert_count",
    "expert_used_count",
    "expert_feed_forward_length",
    "expert_weights_norm",
};

// Reads fields of one architecture ("llama.…") and names field and value in every refusal.
class Fields {
 public:
  Fields(const Gguf& gguf, std::string prefix) : gguf_(gguf), prefix_(std::move(prefix)) {}

  std::string Key(std::string_view field) const { return fmt::format("{}.{}", prefix_, field); }
  bool Has(std::string_view field) const { return gguf_.Has(Key(field)); }

  absl::StatusOr<uint32_t> Count(std::string_view field, uint64_t max) const {
    GONKA_ASSIGN_OR_RETURN(const uint64_t value, gguf_.Uint(Key(field)));
    if (value == 0 || value > max) return Refuse(field, value, fmt::format("1 to {}", max));
    return static_cast<uint32_t>(value);
  }

  absl::StatusOr<uint32_t> CountOr(std::string_view field, uint64_t max, uint32_t fallback) const {
    if (!Has(field)) return fallback;
    return Count(field, max);
  }

  // An optional field that may only say what would be true without it.
  absl::Status Expect(std::string_view field, uint64_t expected) const {
    if (!Has(field)) return absl::OkStatus();
    GONKA_ASSIGN_OR_RETURN(const uint64_t value, gguf_.Uint(Key(field)));
    if (value != expected) return Refuse(field, value, fmt::format("{}", expected));
    return absl::OkStatus();
  }

  template <class T>
  absl::Status Refuse(std::string_view field, const T& value, const std::string& supported) const {
    return absl::InvalidArgumentError(fmt::format("{}: {} = {} is not supported, only {}",
                                                  gguf_.path(), Key(field), value, supported));
  }

 private:
  const Gguf& gguf_;
  std::string prefix_;
};

std::string ValueText(const GgufValue& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, GgufArray>) return fmt::format("{} values", held.count);
        if constexpr (std::is_same_v<T, std::string_view>) return JsonQuote(held);
        if constexpr (std::is_arithmetic_v<T>) return fmt::format("{}", held);
      },
      value);
}

absl::Status RefuseUnknownKeys(const Gguf& gguf, const std::string& architecture) {
  const std::string prefix = architecture + ".";
  for (auto at = gguf.metadata().lower_bound(prefix); at != gguf.metadata().end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    const std::string_view field = std::string_view(at->first).substr(prefix.size());
    if (std::find(kKnownKeys.begin(), kKnownKeys.end(), field) == kKnownKeys.end()) {
      return absl::InvalidArgumentError(fmt::format("{}: {} = {} is not supported", gguf.path(),
                                                    at->first, ValueText(at->second)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<float> NumberOr(const Gguf& gguf, const Fields& fields, std::string_view field,
                               double min, double max, double fallback) {
  double value = fallback;
  if (fields.Has(field)) {
    GONKA_ASSIGN_OR_RETURN(value, gguf.Float(fields.Key(field)));
    if (!(value >= min && value <= max)) {
      return fields.Refuse(field, value, fmt::format("values from {} to {}", min, max));
    }
  }
  return static_cast<float>(value);
}

absl::Status ReadRopeScaling(const Gguf& gguf, const Fields& fields, ModelConfig& config) {
  RopeScaling& scaling = config.rope_scaling;
  std::string_view type = "none";
  if (fields.Has("rope.scaling.type")) {
    GONKA_ASSIGN_OR_RETURN(type, gguf.String(fields.Key("rope.scaling.type")));
  }
  // How llama.cpp's converter writes the scaling of Llama 3.
  if (gguf.FindTensor("rope_freqs.weight") != nullptr) {
    if (type != "none") return fields.Refuse("rope.scaling.type", type, "\"none\" beside a tensor");
    scaling.type = RopeScalingType::kTensor;
    return absl::OkStatus();
  }
  if (type == "none") return absl::OkStatus();
  if (type != "linear" && type != "yarn") {
    return fields.Refuse("rope.scaling.type", type, "none, linear and yarn");
  }
  GONKA_ASSIGN_OR_RETURN(scaling.factor, NumberOr(gguf, fields, "rope.scaling.factor", 1, 1e6, 1));
  if (type == "linear") {
    scaling.type = RopeScalingType::kLinear;
    return absl::OkStatus();
  }
  scaling.type = RopeScalingType::kYarn;
  GONKA_ASSIGN_OR_RETURN(scaling.original_context,
                         fields.Count("rope.scaling.original_context_length", kContextMax));
  GONKA_ASSIGN_OR_RETURN(scaling.beta_fast,
                         NumberOr(gguf, fields, "rope.scaling.yarn_beta_fast", 1e-3, 1e6, 32));
  GONKA_ASSIGN_OR_RETURN(scaling.beta_slow,
                         NumberOr(gguf, fields, "rope.scaling.yarn_beta_slow", 1e-3, 1e6, 1));
  // llama.cpp multiplies its own factor by this one.
  GONKA_ASSIGN_OR_RETURN(const float factor,
                         NumberOr(gguf, fields, "rope.scaling.attn_factor", 1e-3, 1e3, 1));
  scaling.attention_factor =
      static_cast<float>((0.1 * std::log(double{scaling.factor}) + 1) * factor);
  return absl::OkStatus();
}

absl::Status ReadExperts(const Gguf& gguf, const Fields& fields, ModelConfig& config) {
  uint64_t count = 0;
  if (fields.Has("expert_count")) {
    GONKA_ASSIGN_OR_RETURN(count, gguf.Uint(fields.Key("expert_count")));
  }
  if (count == 0) return fields.Expect("expert_used_count", 0);
  GONKA_ASSIGN_OR_RETURN(config.experts.count, fields.Count("expert_count", kExpertsMax));
  GONKA_ASSIGN_OR_RETURN(config.experts.used,
                         fields.Count("expert_used_count", config.experts.count));
  GONKA_ASSIGN_OR_RETURN(config.ffn,
                         fields.CountOr("expert_feed_forward_length", kFfnMax, config.ffn));
  // llama.cpp makes the weights of these families sum to one whatever the file says.
  if (!fields.Has("expert_weights_norm")) return absl::OkStatus();
  GONKA_ASSIGN_OR_RETURN(config.experts.normalized, gguf.Bool(fields.Key("expert_weights_norm")));
  return absl::OkStatus();
}

absl::Status ReadHeads(const Fields& fields, ModelConfig& config) {
  GONKA_ASSIGN_OR_RETURN(config.heads, fields.Count("attention.head_count", kHiddenMax));
  GONKA_ASSIGN_OR_RETURN(config.kv_heads,
                         fields.CountOr("attention.head_count_kv", config.heads, config.heads));
  if (config.heads % config.kv_heads != 0) {
    return fields.Refuse("attention.head_count_kv", config.kv_heads,
                         fmt::format("divisors of {} heads", config.heads));
  }
  if (!fields.Has("attention.key_length") && config.hidden % config.heads != 0) {
    return fields.Refuse("attention.head_count", config.heads,
                         fmt::format("divisors of embedding_length {}", config.hidden));
  }
  GONKA_ASSIGN_OR_RETURN(config.head_dim, fields.CountOr("attention.key_length", kHiddenMax,
                                                         config.hidden / config.heads));
  if (config.head_dim % 2 != 0) {
    return fields.Refuse("attention.key_length", config.head_dim, "even numbers");
  }
  GONKA_RETURN_IF_ERROR(fields.Expect("attention.value_length", config.head_dim));
  return fields.Expect("rope.dimension_count", config.head_dim);
}

absl::Status ReadConstants(const Gguf& gguf, const Fields& fields, ModelConfig& config) {
  const std::string eps_key = fields.Key("attention.layer_norm_rms_epsilon");
  GONKA_ASSIGN_OR_RETURN(const double eps, gguf.Float(eps_key));
  if (!(eps > 0 && eps < 1)) {
    return fields.Refuse("attention.layer_norm_rms_epsilon", eps, "values between 0 and 1");
  }
  config.rms_eps = static_cast<float>(eps);
  double theta = 10000;  // llama.cpp's default, too.
  if (fields.Has("rope.freq_base")) {
    GONKA_ASSIGN_OR_RETURN(theta, gguf.Float(fields.Key("rope.freq_base")));
  }
  if (!(theta >= 1 && theta <= 1e12)) {
    return fields.Refuse("rope.freq_base", theta, "values from 1 to 1e12");
  }
  config.rope_theta = static_cast<float>(theta);
  return absl::OkStatus();
}

// Without the field, the vocabulary is as large as the tokenizer's.
absl::Status ReadVocab(const Gguf& gguf, const Fields& fields, ModelConfig& config) {
  if (fields.Has("vocab_size")) {
    GONKA_ASSIGN_OR_RETURN(config.vocab, fields.Count("vocab_size", kVocabMax));
    return absl::OkStatus();
  }
  const auto tokens = gguf.metadata().find("tokenizer.ggml.tokens");
  const GgufArray* array =
      tokens == gguf.metadata().end() ? nullptr : std::get_if<GgufArray>(&tokens->second);
  if (array == nullptr || array->count == 0 || array->count > kVocabMax) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: neither {} nor tokenizer.ggml.tokens (1 to {} of them) gives the vocabulary's size",
        gguf.path(), fields.Key("vocab_size"), kVocabMax));
  }
  config.vocab = static_cast<uint32_t>(array->count);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelConfig> ConfigFromGguf(const Gguf& gguf) {
  GONKA_ASSIGN_OR_RETURN(const std::string_view architecture, gguf.String("general.architecture"));
  if (std::find(std::begin(kArchitectures), std::end(kArchitectures), architecture) ==
      std::end(kArchitectures)) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: general.architecture = \"{}\" is not supported, only llama, qwen2, qwen3 and qwen3moe",
        gguf.path(), architecture));
  }
  ModelConfig config;
  config.architecture = architecture;
  if (gguf.Has("general.name")) {
    GONKA_ASSIGN_OR_RETURN(config.name, gguf.String("general.name"));
  }
  const Fields fields(gguf, config.architecture);
  GONKA_RETURN_IF_ERROR(RefuseUnknownKeys(gguf, config.architecture));
  GONKA_ASSIGN_OR_RETURN(config.layers, fields.Count("block_count", kLayersMax));
  GONKA_ASSIGN_OR_RETURN(config.hidden, fields.Count("embedding_length", kHiddenMax));
  GONKA_ASSIGN_OR_RETURN(config.ffn, fields.Count("feed_forward_length", kFfnMax));
  GONKA_ASSIGN_OR_RETURN(config.context, fields.Count("context_length", kContextMax));
  GONKA_RETURN_IF_ERROR(ReadHeads(fields, config));
  GONKA_RETURN_IF_ERROR(ReadConstants(gguf, fields, config));
  GONKA_RETURN_IF_ERROR(ReadVocab(gguf, fields, config));
  GONKA_RETURN_IF_ERROR(ReadRopeScaling(gguf, fields, config));
  GONKA_RETURN_IF_ERROR(ReadExperts(gguf, fields, config));
  GONKA_ASSIGN_OR_RETURN(config.sliding_window,
                         fields.CountOr("attention.sliding_window", kContextMax, 0));
  config.qkv_bias = architecture == "qwen2";
  config.qk_norm = architecture == "qwen3" || architecture == "qwen3moe";
  // GGUF's converter permutes the query and key matrices of Llama to this style.
  config.rope_style = architecture == "llama" ? RopeStyle::kInterleavedPairs : RopeStyle::kHalves;
  config.tied_embeddings = gguf.FindTensor("output.weight") == nullptr;
  return config;
}

}  // namespace gonka::model
