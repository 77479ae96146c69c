#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "fmt/format.h"
#include "gonka/model/config.h"
#include "json_file.h"

namespace gonka::model {
namespace {

constexpr uint64_t kLayersMax = 1024;
constexpr uint64_t kHiddenMax = 1 << 16;
constexpr uint64_t kFfnMax = 1 << 20;
constexpr uint64_t kVocabMax = 1 << 20;
constexpr uint64_t kContextMax = 1 << 24;
constexpr uint64_t kExpertsMax = 1024;

// What does not change the answers of a model that runs: history, training, defaults of programs.
// Ids of special tokens are the tokenizer's business.
constexpr std::array<std::string_view, 25> kIgnored = {"_name_or_path",
                                                       "architectures",
                                                       "attention_dropout",
                                                       "attn_pdrop",
                                                       "bos_token_id",
                                                       "chunk_size_feed_forward",
                                                       "dtype",
                                                       "eos_token_id",
                                                       "id2label",
                                                       "initializer_range",
                                                       "label2id",
                                                       "max_window_layers",
                                                       "mlp_dropout",
                                                       "model_type",
                                                       "output_router_logits",
                                                       "pad_token_id",
                                                       "pretraining_tp",
                                                       "problem_type",
                                                       "return_dict",
                                                       "router_aux_loss_coef",
                                                       "router_jitter_noise",
                                                       "torch_dtype",
                                                       "transformers_version",
                                                       "unk_token_id",
                                                       "use_cache"};

// Reads fields of one JSON object, remembers which, and names field and value in every refusal.
class Fields {
 public:
  // prefix: "" or "rope_scaling."
  Fields(const std::string& path, std::string prefix, const Json& object)
      : path_(path), prefix_(std::move(prefix)), object_(object) {}

  // Nothing where the field is missing or null.
  const Json* Find(const std::string& field) {
    known_.insert(field);
    const auto found = object_.find(field);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  bool Has(const std::string& field) { return Find(field) != nullptr; }
  // Says that a field may be there, whatever it says.
  void Ignore(const std::string& field) { known_.insert(field); }

  absl::StatusOr<uint32_t> Count(const std::string& field, uint64_t max) {
    const Json* value = Find(field);
    if (value == nullptr) return Missing(field);
    if (!value->is_number_unsigned() || value->get<uint64_t>() == 0 ||
        value->get<uint64_t>() > max) {
      return Refuse(field, fmt::format("1 to {}", max));
    }
    return static_cast<uint32_t>(value->get<uint64_t>());
  }

  absl::StatusOr<uint32_t> CountOr(const std::string& field, uint64_t max, uint32_t fallback) {
    if (!Has(field)) return fallback;
    return Count(field, max);
  }

  absl::StatusOr<float> Number(const std::string& field, double min, double max) {
    const Json* value = Find(field);
    if (value == nullptr) return Missing(field);
    if (!value->is_number() || !(value->get<double>() >= min && value->get<double>() <= max)) {
      return Refuse(field, fmt::format("numbers from {} to {}", min, max));
    }
    return static_cast<float>(value->get<double>());
  }

  absl::StatusOr<float> NumberOr(const std::string& field, double min, double max, float fallback) {
    if (!Has(field)) return fallback;
    return Number(field, min, max);
  }

  absl::StatusOr<bool> BoolOr(const std::string& field, bool fallback) {
    const Json* value = Find(field);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) return Refuse(field, "true and false");
    return value->get<bool>();
  }

  absl::StatusOr<std::string> Text(const std::string& field) {
    const Json* value = Find(field);
    if (value == nullptr) return Missing(field);
    if (!value->is_string()) return Refuse(field, "strings");
    return value->get<std::string>();
  }

  // An optional field that may only say one thing.
  absl::Status Expect(const std::string& field, const Json& expected) {
    const Json* value = Find(field);
    if (value == nullptr || *value == expected) return absl::OkStatus();
    return Refuse(field, ShortJson(expected));
  }

  absl::Status Refuse(const std::string& field, const std::string& supported) const {
    return absl::InvalidArgumentError(fmt::format("{}: {}{} = {} is not supported, only {}", path_,
                                                  prefix_, field, ShortJson(object_.at(field)),
                                                  supported));
  }

  absl::Status RefuseUnknown() const {
    for (const auto& [field, value] : object_.items()) {
      if (known_.contains(field) || value.is_null() || value == Json(false)) continue;
      return absl::InvalidArgumentError(
          fmt::format("{}: {}{} = {} is not supported", path_, prefix_, field, ShortJson(value)));
    }
    return absl::OkStatus();
  }

  const std::string& path() const { return path_; }

 private:
  absl::Status Missing(const std::string& field) const {
    return absl::InvalidArgumentError(fmt::format("{}: {}{} is missing", path_, prefix_, field));
  }

  const std::string& path_;
  const std::string prefix_;
  const Json& object_;
  std::set<std::string> known_;
};

struct Family {
  std::string_view model_type;
  std::string_view architecture;  // GGUF's.
  RopeStyle rope_style;
};
// Llama's matrices are brought into the order of GGUF as they are read: see checkpoint.h.
constexpr Family kFamilies[] = {{"llama", "llama", RopeStyle::kInterleavedPairs},
                                {"mistral", "llama", RopeStyle::kInterleavedPairs},
                                {"mixtral", "llama", RopeStyle::kInterleavedPairs},
                                {"qwen2", "qwen2", RopeStyle::kHalves},
                                {"qwen3", "qwen3", RopeStyle::kHalves},
                                {"qwen3_moe", "qwen3moe", RopeStyle::kHalves}};

absl::StatusOr<Family> ReadFamily(Fields& fields) {
  GONKA_ASSIGN_OR_RETURN(const std::string type, fields.Text("model_type"));
  for (const Family& family : kFamilies) {
    if (family.model_type == type) return family;
  }
  return fields.Refuse("model_type", "llama, mistral, mixtral, qwen2, qwen3 and qwen3_moe");
}

absl::Status ReadShape(Fields& fields, const Family& family, ModelConfig& config) {
  GONKA_ASSIGN_OR_RETURN(config.layers, fields.Count("num_hidden_layers", kLayersMax));
  GONKA_ASSIGN_OR_RETURN(config.hidden, fields.Count("hidden_size", kHiddenMax));
  GONKA_ASSIGN_OR_RETURN(config.heads, fields.Count("num_attention_heads", kHiddenMax));
  GONKA_ASSIGN_OR_RETURN(config.kv_heads,
                         fields.CountOr("num_key_value_heads", config.heads, config.heads));
  if (config.heads % config.kv_heads != 0) {
    return fields.Refuse("num_key_value_heads", fmt::format("divisors of {} heads", config.heads));
  }
  if (!fields.Has("head_dim")) {
    if (config.hidden % config.heads != 0) {
      return fields.Refuse("num_attention_heads",
                           fmt::format("divisors of hidden_size {}", config.hidden));
    }
    // The class of this family has a default of its own.
    if (family.model_type == "qwen3") {
      return absl::InvalidArgumentError(fmt::format("{}: head_dim is missing", fields.path()));
    }
  }
  GONKA_ASSIGN_OR_RETURN(config.head_dim,
                         fields.CountOr("head_dim", kHiddenMax, config.hidden / config.heads));
  if (config.head_dim % 2 != 0) {
    return fields.Refuse(fields.Has("head_dim") ? "head_dim" : "hidden_size",
                         "heads of an even number of dimensions");
  }
  GONKA_ASSIGN_OR_RETURN(config.vocab, fields.Count("vocab_size", kVocabMax));
  GONKA_ASSIGN_OR_RETURN(config.context, fields.Count("max_position_embeddings", kContextMax));
  GONKA_ASSIGN_OR_RETURN(config.rms_eps, fields.Number("rms_norm_eps", 1e-30, 1));
  GONKA_ASSIGN_OR_RETURN(config.tied_embeddings, fields.BoolOr("tie_word_embeddings", false));
  return absl::OkStatus();
}

absl::Status ReadFeedForward(Fields& fields, const Family& family, ModelConfig& config) {
  GONKA_RETURN_IF_ERROR(fields.Expect("hidden_act", "silu"));
  GONKA_RETURN_IF_ERROR(fields.Expect("mlp_bias", false));
  if (family.model_type == "mixtral") {
    GONKA_ASSIGN_OR_RETURN(config.experts.count, fields.Count("num_local_experts", kExpertsMax));
    GONKA_ASSIGN_OR_RETURN(config.ffn, fields.Count("intermediate_size", kFfnMax));
  } else if (family.model_type == "qwen3_moe") {
    // Newer programs write the second name.
    GONKA_ASSIGN_OR_RETURN(
        config.experts.count,
        fields.Count(fields.Has("num_experts") ? "num_experts" : "num_local_experts", kExpertsMax));
    fields.Ignore("num_local_experts");
    fields.Ignore("intermediate_size");  // Of layers without experts, of which there is none.
    GONKA_ASSIGN_OR_RETURN(config.ffn, fields.Count("moe_intermediate_size", kFfnMax));
    GONKA_ASSIGN_OR_RETURN(config.experts.normalized, fields.BoolOr("norm_topk_prob", false));
    GONKA_RETURN_IF_ERROR(fields.Expect("decoder_sparse_step", 1));
    GONKA_RETURN_IF_ERROR(fields.Expect("mlp_only_layers", Json::array()));
  } else {
    GONKA_ASSIGN_OR_RETURN(config.ffn, fields.Count("intermediate_size", kFfnMax));
    return absl::OkStatus();
  }
  GONKA_ASSIGN_OR_RETURN(config.experts.used,
                         fields.Count("num_experts_per_tok", config.experts.count));
  return absl::OkStatus();
}

// layer_types, where it is there, says it layer by layer: first those that see everything.
absl::Status ReadLayerTypes(Fields& fields, const Json& types, ModelConfig& config) {
  const char* const kSupported =
      "\"full_attention\" for some first layers, then "
      "\"sliding_attention\", one for each layer";
  if (!types.is_array() || types.size() != config.layers) {
    return fields.Refuse("layer_types", kSupported);
  }
  uint32_t full = 0;
  while (full < config.layers && types[full] == "full_attention") ++full;
  for (uint32_t layer = full; layer < config.layers; ++layer) {
    if (types[layer] != "sliding_attention") return fields.Refuse("layer_types", kSupported);
  }
  config.full_attention_layers = full;
  if (full == config.layers) config.sliding_window = 0;
  return absl::OkStatus();
}

absl::Status ReadAttention(Fields& fields, const Family& family, ModelConfig& config) {
  const std::string_view type = family.model_type;
  config.qkv_bias = type == "qwen2";
  config.qk_norm = type == "qwen3" || type == "qwen3_moe";
  if (type != "qwen2") GONKA_RETURN_IF_ERROR(fields.Expect("attention_bias", false));
  if (type == "qwen2") GONKA_RETURN_IF_ERROR(fields.Expect("attention_bias", true));

  bool slides = type == "mistral" || type == "mixtral";
  if (type.starts_with("qwen")) {
    GONKA_ASSIGN_OR_RETURN(slides, fields.BoolOr("use_sliding_window", false));
  }
  if (slides) {
    GONKA_ASSIGN_OR_RETURN(config.sliding_window, fields.CountOr("sliding_window", kContextMax, 0));
  } else {
    fields.Ignore("sliding_window");
    // Llama has no window, so one in its config would be ignored by everybody else.
    if (type == "llama") GONKA_RETURN_IF_ERROR(fields.Expect("sliding_window", Json()));
  }
  const Json* types = fields.Find("layer_types");
  if (types != nullptr) return ReadLayerTypes(fields, *types, config);
  if (config.sliding_window != 0 && type.starts_with("qwen")) {
    GONKA_ASSIGN_OR_RETURN(config.full_attention_layers,
                           fields.CountOr("max_window_layers", kLayersMax, 28));
    config.full_attention_layers = std::min(config.full_attention_layers, config.layers);
    if (config.full_attention_layers == config.layers) config.sliding_window = 0;
  }
  return absl::OkStatus();
}

uint32_t Stretched(uint32_t context, double factor) {
  return static_cast<uint32_t>(std::min(context * factor, double{kContextMax}));
}

absl::Status ReadYarn(Fields& fields, ModelConfig& config) {
  RopeScaling& scaling = config.rope_scaling;
  scaling.type = RopeScalingType::kYarn;
  GONKA_ASSIGN_OR_RETURN(scaling.factor, fields.Number("factor", 1, 1e6));
  GONKA_ASSIGN_OR_RETURN(
      scaling.original_context,
      fields.CountOr("original_max_position_embeddings", kContextMax, config.context));
  GONKA_ASSIGN_OR_RETURN(scaling.beta_fast, fields.NumberOr("beta_fast", 1e-3, 1e6, 32));
  GONKA_ASSIGN_OR_RETURN(scaling.beta_slow, fields.NumberOr("beta_slow", 1e-3, 1e6, 1));
  GONKA_ASSIGN_OR_RETURN(scaling.truncate, fields.BoolOr("truncate", true));
  GONKA_ASSIGN_OR_RETURN(const float mscale, fields.NumberOr("mscale", 0, 1e6, 0));
  GONKA_ASSIGN_OR_RETURN(const float all_dim, fields.NumberOr("mscale_all_dim", 0, 1e6, 0));
  const auto scale = [&](double m) { return 0.1 * m * std::log(double{scaling.factor}) + 1; };
  const bool both = mscale != 0 && all_dim != 0;
  const double usual = both ? scale(mscale) / scale(all_dim) : scale(1);
  GONKA_ASSIGN_OR_RETURN(scaling.attention_factor,
                         fields.NumberOr("attention_factor", 1e-3, 1e3, static_cast<float>(usual)));
  config.context = std::max(config.context, Stretched(scaling.original_context, scaling.factor));
  return absl::OkStatus();
}

absl::Status ReadLlama3(Fields& fields, ModelConfig& config) {
  RopeScaling& scaling = config.rope_scaling;
  scaling.type = RopeScalingType::kLlama3;
  GONKA_ASSIGN_OR_RETURN(scaling.factor, fields.Number("factor", 1, 1e6));
  GONKA_ASSIGN_OR_RETURN(scaling.low_freq_factor, fields.Number("low_freq_factor", 1e-3, 1e6));
  GONKA_ASSIGN_OR_RETURN(scaling.high_freq_factor, fields.Number("high_freq_factor", 1e-3, 1e6));
  if (!(scaling.high_freq_factor > scaling.low_freq_factor)) {
    return fields.Refuse("high_freq_factor",
                         fmt::format("more than low_freq_factor {}", scaling.low_freq_factor));
  }
  GONKA_ASSIGN_OR_RETURN(scaling.original_context,
                         fields.Count("original_max_position_embeddings", kContextMax));
  return absl::OkStatus();
}

absl::Status ReadScaling(Fields& fields, ModelConfig& config) {
  const std::string name = fields.Has("rope_type") ? "rope_type" : "type";
  fields.Ignore("type");
  if (!fields.Has(name)) return absl::OkStatus();
  GONKA_ASSIGN_OR_RETURN(const std::string type, fields.Text(name));
  if (type == "yarn") return ReadYarn(fields, config);
  if (type == "llama3") return ReadLlama3(fields, config);
  if (type == "linear") {
    config.rope_scaling.type = RopeScalingType::kLinear;
    GONKA_ASSIGN_OR_RETURN(config.rope_scaling.factor, fields.Number("factor", 1, 1e6));
    config.context = Stretched(config.context, config.rope_scaling.factor);
    return absl::OkStatus();
  }
  // Within the context that is left by it, dynamic scaling does nothing: see config.h.
  if (type == "dynamic") {
    fields.Ignore("factor");
    fields.Ignore("original_max_position_embeddings");
    return absl::OkStatus();
  }
  if (type == "default" || type == "none") return absl::OkStatus();
  return fields.Refuse(name, "default, linear, dynamic, llama3 and yarn");
}

// Older programs write rope_theta and rope_scaling, newer ones both as rope_parameters.
absl::Status ReadRope(Fields& fields, const Family& family, ModelConfig& config) {
  config.rope_style = family.rope_style;
  GONKA_RETURN_IF_ERROR(fields.Expect("partial_rotary_factor", 1.0));
  const float usual = family.model_type == "mixtral" ? 1e6f : 1e4f;
  GONKA_ASSIGN_OR_RETURN(config.rope_theta, fields.NumberOr("rope_theta", 1, 1e12, usual));
  for (const char* name : {"rope_parameters", "rope_scaling"}) {
    const Json* object = fields.Find(name);
    if (object == nullptr) continue;
    if (!object->is_object()) return fields.Refuse(name, "objects");
    Fields scaling(fields.path(), std::string(name) + ".", *object);
    GONKA_ASSIGN_OR_RETURN(config.rope_theta,
                           scaling.NumberOr("rope_theta", 1, 1e12, config.rope_theta));
    GONKA_RETURN_IF_ERROR(scaling.Expect("partial_rotary_factor", 1.0));
    if (config.rope_scaling == RopeScaling{}) {
      GONKA_RETURN_IF_ERROR(ReadScaling(scaling, config));
      GONKA_RETURN_IF_ERROR(scaling.RefuseUnknown());
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelConfig> ConfigFromJson(const std::string& path, std::string_view json) {
  GONKA_ASSIGN_OR_RETURN(const Json object, ParseJsonObject(path, json));
  Fields fields(path, "", object);
  for (const std::string_view field : kIgnored) fields.Ignore(std::string(field));
  GONKA_ASSIGN_OR_RETURN(const Family family, ReadFamily(fields));
  ModelConfig config;
  config.architecture = family.architecture;
  if (fields.Has("_name_or_path")) {
    GONKA_ASSIGN_OR_RETURN(config.name, fields.Text("_name_or_path"));
  }
  GONKA_RETURN_IF_ERROR(ReadShape(fields, family, config));
  GONKA_RETURN_IF_ERROR(ReadFeedForward(fields, family, config));
  GONKA_RETURN_IF_ERROR(ReadAttention(fields, family, config));
  GONKA_RETURN_IF_ERROR(ReadRope(fields, family, config));
  GONKA_RETURN_IF_ERROR(fields.RefuseUnknown());
  return config;
}

}  // namespace gonka::model
