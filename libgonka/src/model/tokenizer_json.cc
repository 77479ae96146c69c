#include "tokenizer_json.h"

#include <algorithm>
#include <map>

#include "fmt/format.h"

namespace gonka::model {
namespace {

struct KnownPattern {
  std::string_view regex;
  PreTokenizer pre_tokenizer;
};
// As the families' files have them.
constexpr KnownPattern kPatterns[] = {
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PreTokenizer::kLlamaBpe},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PreTokenizer::kQwen2}};

class Reader {
 public:
  explicit Reader(const TokenizerFiles& files) : files_(files) {}

  absl::StatusOr<TokenizerSpec> Read() {
    GONKA_ASSIGN_OR_RETURN(json_, ParseJsonObject(files_.path, files_.json));
    GONKA_RETURN_IF_ERROR(ReadModel());
    GONKA_RETURN_IF_ERROR(ReadNormalizer());
    GONKA_RETURN_IF_ERROR(ReadPreTokenizer());
    // Whole pieces that are tokens stay whole with Llama 3, and with it alone.
    if (ignore_merges_ != (spec_.pre_tokenizer == PreTokenizer::kLlamaBpe)) {
      return Refuse("model.ignore_merges", Json(ignore_merges_),
                    "true with the pre-tokenizer of Llama 3 and false with others");
    }
    GONKA_RETURN_IF_ERROR(ReadAdded());
    GONKA_RETURN_IF_ERROR(FillUnused());
    GONKA_RETURN_IF_ERROR(ReadBosAndEos());
    GONKA_RETURN_IF_ERROR(ReadPostProcessor());
    GONKA_RETURN_IF_ERROR(ReadEnds());
    return std::move(spec_);
  }

 private:
  absl::Status Bad(const std::string& message) const {
    return absl::InvalidArgumentError(fmt::format("{}: {}", files_.path, message));
  }
  absl::Status Refuse(std::string_view field, const Json& value, std::string_view supported) const {
    return Bad(
        fmt::format("{} = {} is not supported, only {}", field, ShortJson(value), supported));
  }

  static const Json& At(const Json& object, const char* field) {
    static const Json kNull;
    if (!object.is_object()) return kNull;
    const auto found = object.find(field);
    return found == object.end() ? kNull : *found;
  }
  static bool IsType(const Json& step, const char* type) { return At(step, "type") == type; }

  absl::Status ReadModel() {
    const Json& model = At(json_, "model");
    const Json& type = At(model, "type");
    if (!type.is_null() && type != "BPE") return Refuse("model.type", type, "\"BPE\"");
    // Empty or false: not asked for.
    for (const char* field : {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                              "byte_fallback", "unk_token", "fuse_unk"}) {
      const Json& value = At(model, field);
      if (value.is_null() || value == Json(false) || value == "") continue;
      return Refuse(std::string("model.") + field, value, "its absence");
    }
    ignore_merges_ = At(model, "ignore_merges") == Json(true);
    const Json& vocab = At(model, "vocab");
    if (!vocab.is_object() || vocab.empty()) return Bad("model.vocab is missing");
    for (const auto& [token, id] : vocab.items()) {
      GONKA_RETURN_IF_ERROR(Place(token, id, TokenKind::kNormal));
    }
    const Json& merges = At(model, "merges");
    if (!merges.is_array()) return Bad("model.merges is missing");
    spec_.merges.reserve(merges.size());
    for (const Json& merge : merges) {
      if (merge.is_string()) {
        spec_.merges.push_back(merge.get<std::string>());
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                 merge[1].is_string()) {
        spec_.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
      } else {
        return Bad(
            fmt::format("merge {} is {}, not two tokens", spec_.merges.size(), ShortJson(merge)));
      }
    }
    return absl::OkStatus();
  }

  // An id must be within the embedding, or the model could be asked for what it does not have.
  absl::Status Place(const std::string& token, const Json& id, TokenKind kind) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= files_.vocab) {
      return Bad(fmt::format("token {} has id {}, but the model has a vocabulary of {}",
                             ShortJson(Json(token)), ShortJson(id), files_.vocab));
    }
    const auto at = static_cast<uint32_t>(id.get<uint64_t>());
    const auto [found, is_new] = placed_.emplace(at, token);
    if (!is_new && found->second != token) {
      return Bad(fmt::format("id {} has two tokens, {} and {}", at, ShortJson(Json(found->second)),
                             ShortJson(Json(token))));
    }
    if (spec_.tokens.size() <= at) {
      spec_.tokens.resize(at + 1);
      spec_.kinds.resize(at + 1, TokenKind::kUnused);
    }
    spec_.tokens[at] = token;
    spec_.kinds[at] = kind;
    return absl::OkStatus();
  }

  absl::Status ReadNormalizer() {
    const Json& normalizer = At(json_, "normalizer");
    if (normalizer.is_null()) return absl::OkStatus();
    // Known difference: see tokenizer.h.
    if (IsType(normalizer, "NFC")) return absl::OkStatus();
    if (IsType(normalizer, "Sequence") && At(normalizer, "normalizers").empty()) {
      return absl::OkStatus();
    }
    return Refuse("normalizer", normalizer, "none and NFC");
  }

  absl::Status ReadPreTokenizer() {
    const Json& whole = At(json_, "pre_tokenizer");
    Json steps = Json::array({whole});
    if (IsType(whole, "Sequence")) steps = At(whole, "pretokenizers");
    const auto refuse = [&] {
      return Refuse("pre_tokenizer", whole, "those of GPT-2, SmolLM, Llama 3 and Qwen2");
    };
    if (!steps.is_array() || steps.empty() || steps.size() > 2) return refuse();
    const Json& last = steps.back();
    if (!IsType(last, "ByteLevel") || At(last, "add_prefix_space") == Json(true)) return refuse();
    const bool by_words = At(last, "use_regex") != Json(false);
    if (steps.size() == 1) {
      spec_.pre_tokenizer = PreTokenizer::kGpt2;
      return by_words ? absl::OkStatus() : refuse();
    }
    const Json& first = steps[0];
    if (IsType(first, "Digits") && At(first, "individual_digits") == Json(true) && by_words) {
      spec_.pre_tokenizer = PreTokenizer::kSmollm;
      return absl::OkStatus();
    }
    if (!IsType(first, "Split") || by_words || At(first, "behavior") != "Isolated" ||
        At(first, "invert") == Json(true)) {
      return refuse();
    }
    for (const KnownPattern& known : kPatterns) {
      if (At(At(first, "pattern"), "Regex") != Json(known.regex)) continue;
      spec_.pre_tokenizer = known.pre_tokenizer;
      return absl::OkStatus();
    }
    return refuse();
  }

  absl::Status ReadAdded() {
    const Json& added = At(json_, "added_tokens");
    if (added.is_null()) return absl::OkStatus();
    if (!added.is_array()) return Refuse("added_tokens", added, "a list");
    for (const Json& token : added) {
      const Json& content = At(token, "content");
      if (!content.is_string() || content == "") {
        return Bad(fmt::format("added token {} has no content", ShortJson(token)));
      }
      for (const char* flag : {"lstrip", "rstrip", "single_word"}) {
        if (At(token, flag) != Json(true)) continue;
        return Refuse(fmt::format("added_tokens {} {}", ShortJson(content), flag), Json(true),
                      "false");
      }
      const bool special = At(token, "special") == Json(true);
      GONKA_RETURN_IF_ERROR(Place(content.get<std::string>(), At(token, "id"),
                                  special ? TokenKind::kControl : TokenKind::kUserDefined));
    }
    return absl::OkStatus();
  }

  absl::Status FillUnused() {
    spec_.tokens.resize(files_.vocab);
    spec_.kinds.resize(files_.vocab, TokenKind::kUnused);
    for (uint32_t id = 0; id < files_.vocab; ++id) {
      if (!placed_.contains(id)) spec_.tokens[id] = fmt::format("[PAD{}]", id);
    }
    return absl::OkStatus();
  }

  std::optional<uint32_t> FindToken(const std::string& text) const {
    const auto found = std::find(spec_.tokens.begin(), spec_.tokens.end(), text);
    if (found == spec_.tokens.end()) return std::nullopt;
    return static_cast<uint32_t>(found - spec_.tokens.begin());
  }

  // tokenizer_config names them by text, or by an object with it.
  absl::Status ReadNamed(const char* field, std::optional<uint32_t>& id) const {
    const Json* value = &At(*files_.tokenizer_config, field);
    if (value->is_object()) value = &At(*value, "content");
    if (value->is_null()) return absl::OkStatus();
    if (value->is_string()) id = FindToken(value->get<std::string>());
    if (id) return absl::OkStatus();
    return Bad(fmt::format("{} of tokenizer_config.json is {}, which is no token", field,
                           ShortJson(*value)));
  }

  absl::Status ReadBosAndEos() {
    GONKA_RETURN_IF_ERROR(ReadNamed("bos_token", spec_.bos));
    return ReadNamed("eos_token", spec_.eos);
  }

  // What plain prompts are surrounded with: nothing, or bos in front.
  absl::Status ReadPostProcessor() {
    const Json& whole = At(json_, "post_processor");
    Json steps = Json::array({whole});
    if (IsType(whole, "Sequence")) steps = At(whole, "processors");
    for (const Json& step : steps) {
      if (step.is_null() || IsType(step, "ByteLevel")) continue;
      const Json& single = At(step, "single");
      if (!IsType(step, "TemplateProcessing") || !single.is_array()) {
        return Refuse("post_processor", step, "ByteLevel and TemplateProcessing");
      }
      if (single.size() == 1 && single[0].contains("Sequence")) continue;
      const bool in_front = single.size() == 2 && single[0].is_object() &&
                            single[0].contains("SpecialToken") && single[1].is_object() &&
                            single[1].contains("Sequence");
      if (!in_front) return Refuse("post_processor.single", single, "one token before the text");
      const Json& text = At(single[0]["SpecialToken"], "id");
      const std::optional<uint32_t> id =
          text.is_string() ? FindToken(text.get<std::string>()) : std::nullopt;
      if (!id || (spec_.bos && spec_.bos != id)) {
        return Refuse("post_processor.single", single, "the bos token before the text");
      }
      spec_.bos = id;
      spec_.add_bos = true;
    }
    return absl::OkStatus();
  }

  // Of the generation config, else of the config; and the tokenizer's own.
  absl::Status ReadEnds() {
    const Json* ends = &At(*files_.generation_config, "eos_token_id");
    if (ends->is_null()) ends = &At(*files_.config, "eos_token_id");
    const Json list = ends->is_null() ? Json::array() : ends->is_array() ? *ends : Json{*ends};
    for (const Json& id : list) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= files_.vocab) {
        return Bad(fmt::format("eos_token_id = {}, but the model has a vocabulary of {}",
                               ShortJson(id), files_.vocab));
      }
      spec_.end_ids.push_back(static_cast<uint32_t>(id.get<uint64_t>()));
    }
    if (spec_.eos) spec_.end_ids.push_back(*spec_.eos);
    std::sort(spec_.end_ids.begin(), spec_.end_ids.end());
    spec_.end_ids.erase(std::unique(spec_.end_ids.begin(), spec_.end_ids.end()),
                        spec_.end_ids.end());
    return absl::OkStatus();
  }

  const TokenizerFiles& files_;
  Json json_;
  bool ignore_merges_ = false;
  std::map<uint32_t, std::string> placed_;
  TokenizerSpec spec_;
};

}  // namespace

absl::StatusOr<TokenizerSpec> TokenizerSpecFromJson(const TokenizerFiles& files) {
  return Reader(files).Read();
}

}  // namespace gonka::model
