#include "tokenizer_json.h"

#include "fmt/format.h"
#include "normalizer.h"

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

bool IsType(const Json& step, const char* type) {
  return FieldOf(step, "type") == type;
}

bool IsByteToken(const std::string& text) {
  return text.size() == 6 && text.starts_with("<0x") && text[5] == '>';
}

// The steps of a Sequence, or the one step; a step that is null is none.
Json StepsOf(const Json& whole, const char* field) {
  if (whole.is_null()) return Json::array();
  if (IsType(whole, "Sequence")) return FieldOf(whole, field);
  return Json::array({whole});
}

// SentencePiece's space as JSON spells the step that makes it.
bool MarksSpaces(const Json& step) {
  return IsType(step, "Replace") && FieldOf(FieldOf(step, "pattern"), "String") == " " &&
         FieldOf(step, "content") == Json(kSpaceMark);
}

class Reader {
 public:
  explicit Reader(const TokenizerFiles& files) : files_(files), table_(files) {}

  absl::StatusOr<TokenizerSpec> Read() {
    GONKA_ASSIGN_OR_RETURN(json_, ParseJsonObject(files_.path, files_.content));
    GONKA_RETURN_IF_ERROR(ReadNormalizer());
    if (IsType(FieldOf(json_, "pre_tokenizer"), "Metaspace")) {
      spec().model = TokenizerModel::kMergedPieces;
    }
    GONKA_RETURN_IF_ERROR(ReadModel());
    GONKA_RETURN_IF_ERROR(HasPieces() ? ReadPieceCuts() : ReadByteCuts());
    // Whole pieces that are tokens stay whole with Llama 3, and with it alone.
    if (ignore_merges_ != (spec().pre_tokenizer == PreTokenizer::kLlamaBpe)) {
      return table_.Refuse("model.ignore_merges", Json(ignore_merges_),
                           "true with the pre-tokenizer of Llama 3 and false with others");
    }
    GONKA_RETURN_IF_ERROR(ReadAdded());
    GONKA_RETURN_IF_ERROR(table_.FillUnused());
    GONKA_RETURN_IF_ERROR(ReadUnknown());
    GONKA_RETURN_IF_ERROR(table_.ReadBosAndEos());
    GONKA_RETURN_IF_ERROR(ReadPostProcessor());
    GONKA_RETURN_IF_ERROR(table_.ReadEnds());
    return table_.Take();
  }

 private:
  TokenizerSpec& spec() { return table_.spec(); }
  bool HasPieces() { return spec().model == TokenizerModel::kMergedPieces; }

  absl::Status ReadNormalizer() {
    const Json& normalizer = FieldOf(json_, "normalizer");
    const auto refuse = [&] {
      return table_.Refuse("normalizer", normalizer,
                           "none, NFC, and Prepend and Replace of Llama 2");
    };
    Json steps = StepsOf(normalizer, "normalizers");
    if (!steps.is_array()) return refuse();
    normalizes_ = !steps.empty();
    if (steps.size() == 1 && IsType(steps[0], "NFC")) {
      spec().is_nfc = true;
      return absl::OkStatus();
    }
    if (steps.empty()) return absl::OkStatus();
    spec().model = TokenizerModel::kMergedPieces;
    if (steps.size() == 2 && IsType(steps[0], "Prepend") &&
        FieldOf(steps[0], "prepend") == Json(kSpaceMark)) {
      spec().rules.prefix = SpacePrefix::kEach;
      steps.erase(0);
    }
    return steps.size() == 1 && MarksSpaces(steps[0]) ? absl::OkStatus() : refuse();
  }

  absl::Status ReadModel() {
    const Json& model = FieldOf(json_, "model");
    const Json& type = FieldOf(model, "type");
    if (!type.is_null() && type != "BPE") return table_.Refuse("model.type", type, "\"BPE\"");
    // Empty or false: not asked for.
    for (const char* field : {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                              "byte_fallback", "unk_token", "fuse_unk"}) {
      const Json& value = FieldOf(model, field);
      if (value.is_null() || value == Json(false) || value == "") continue;
      const std::string_view name = field;
      const bool is_of_pieces =
          name == "byte_fallback" || name == "unk_token" || name == "fuse_unk";
      if (HasPieces() && is_of_pieces) continue;
      return table_.Refuse(fmt::format("model.{}", field), value, "its absence");
    }
    spec().rules.byte_fallback = FieldOf(model, "byte_fallback") == Json(true);
    spec().rules.fuse_unknown = HasPieces() && FieldOf(model, "fuse_unk") == Json(true);
    ignore_merges_ = FieldOf(model, "ignore_merges") == Json(true);
    const Json& vocab = FieldOf(model, "vocab");
    if (!vocab.is_object() || vocab.empty()) return table_.Bad("model.vocab is missing");
    for (const auto& [token, id] : vocab.items()) {
      const bool is_byte = spec().rules.byte_fallback && IsByteToken(token);
      GONKA_RETURN_IF_ERROR(
          table_.Place(token, id, is_byte ? TokenKind::kByte : TokenKind::kNormal));
    }
    return ReadMerges(FieldOf(model, "merges"));
  }

  absl::Status ReadMerges(const Json& merges) {
    if (!merges.is_array()) return table_.Bad("model.merges is missing");
    spec().merges.reserve(merges.size());
    for (const Json& merge : merges) {
      if (merge.is_string()) {
        spec().merges.push_back(merge.get<std::string>());
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                 merge[1].is_string()) {
        spec().merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
      } else {
        return table_.Bad(
            fmt::format("merge {} is {}, not two tokens", spec().merges.size(), ShortJson(merge)));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadByteCuts() {
    const Json& whole = FieldOf(json_, "pre_tokenizer");
    Json steps = Json::array({whole});
    if (IsType(whole, "Sequence")) steps = FieldOf(whole, "pretokenizers");
    const auto refuse = [&] {
      return table_.Refuse("pre_tokenizer", whole,
                           "those of GPT-2, SmolLM, Llama 3 and Qwen2, and Metaspace");
    };
    if (!steps.is_array() || steps.empty() || steps.size() > 2) return refuse();
    const Json& last = steps.back();
    if (!IsType(last, "ByteLevel") || FieldOf(last, "add_prefix_space") == Json(true))
      return refuse();
    const bool by_words = FieldOf(last, "use_regex") != Json(false);
    if (steps.size() == 1) {
      spec().pre_tokenizer = PreTokenizer::kGpt2;
      return by_words ? absl::OkStatus() : refuse();
    }
    const Json& first = steps[0];
    if (IsType(first, "Digits") && FieldOf(first, "individual_digits") == Json(true) && by_words) {
      spec().pre_tokenizer = PreTokenizer::kSmollm;
      return absl::OkStatus();
    }
    if (!IsType(first, "Split") || by_words || FieldOf(first, "behavior") != "Isolated" ||
        FieldOf(first, "invert") == Json(true)) {
      return refuse();
    }
    for (const KnownPattern& known : kPatterns) {
      if (FieldOf(FieldOf(first, "pattern"), "Regex") != Json(known.regex)) continue;
      spec().pre_tokenizer = known.pre_tokenizer;
      return absl::OkStatus();
    }
    return refuse();
  }

  absl::Status ReadPieceCuts() {
    const Json& whole = FieldOf(json_, "pre_tokenizer");
    const auto refuse = [&] {
      return table_.Refuse("pre_tokenizer", whole, "none, or Metaspace without a normalizer");
    };
    spec().pre_tokenizer = PreTokenizer::kWhole;
    if (whole.is_null()) return absl::OkStatus();
    // Gemma: no space is left that it could split at.
    if (IsType(whole, "Split") && FieldOf(FieldOf(whole, "pattern"), "String") == " ") {
      return absl::OkStatus();
    }
    if (normalizes_ || !IsType(whole, "Metaspace") ||
        FieldOf(whole, "replacement") != Json(kSpaceMark)) {
      return refuse();
    }
    if (FieldOf(whole, "split") != Json(false)) spec().pre_tokenizer = PreTokenizer::kWords;
    PieceRules& rules = spec().rules;
    rules.prefix_unless_space = true;
    const Json& scheme = FieldOf(whole, "prepend_scheme");
    if (scheme.is_null() || scheme == "always") {
      rules.prefix = SpacePrefix::kEach;
    } else if (scheme == "first") {
      rules.prefix = SpacePrefix::kFirst;
    } else if (scheme != "never") {
      return refuse();
    }
    // Files older than the scheme have only this.
    if (scheme.is_null() && FieldOf(whole, "add_prefix_space") == Json(false)) {
      rules.prefix = SpacePrefix::kNone;
    }
    return absl::OkStatus();
  }

  absl::Status ReadAdded() {
    const Json& added = FieldOf(json_, "added_tokens");
    if (added.is_null()) return absl::OkStatus();
    if (!added.is_array()) return table_.Refuse("added_tokens", added, "a list");
    for (const Json& token : added) {
      GONKA_RETURN_IF_ERROR(table_.PlaceAdded(token, FieldOf(token, "id"), normalizes_));
    }
    return absl::OkStatus();
  }

  absl::Status ReadUnknown() {
    const Json& unknown = FieldOf(FieldOf(json_, "model"), "unk_token");
    if (!HasPieces() || unknown.is_null()) return absl::OkStatus();
    if (unknown.is_string()) spec().rules.unknown = table_.Find(unknown.get<std::string>());
    if (!spec().rules.unknown) return table_.Refuse("model.unk_token", unknown, "a token");
    TokenKind& kind = spec().kinds[*spec().rules.unknown];
    if (kind == TokenKind::kNormal) kind = TokenKind::kUnknown;
    return absl::OkStatus();
  }

  // What plain prompts are surrounded with: nothing, or bos in front.
  absl::Status ReadPostProcessor() {
    const Json& whole = FieldOf(json_, "post_processor");
    Json steps = Json::array({whole});
    if (IsType(whole, "Sequence")) steps = FieldOf(whole, "processors");
    for (const Json& step : steps) {
      if (step.is_null() || IsType(step, "ByteLevel")) continue;
      const Json& single = FieldOf(step, "single");
      if (!IsType(step, "TemplateProcessing") || !single.is_array()) {
        return table_.Refuse("post_processor", step, "ByteLevel and TemplateProcessing");
      }
      if (single.size() == 1 && single[0].contains("Sequence")) continue;
      const bool in_front = single.size() == 2 && single[0].is_object() &&
                            single[0].contains("SpecialToken") && single[1].is_object() &&
                            single[1].contains("Sequence");
      if (!in_front)
        return table_.Refuse("post_processor.single", single, "one token before the text");
      const Json& text = FieldOf(single[0]["SpecialToken"], "id");
      const std::optional<uint32_t> id =
          text.is_string() ? table_.Find(text.get<std::string>()) : std::nullopt;
      if (!id || (spec().bos && spec().bos != id)) {
        return table_.Refuse("post_processor.single", single, "the bos token before the text");
      }
      spec().bos = id;
      spec().add_bos = true;
    }
    return absl::OkStatus();
  }

  const TokenizerFiles& files_;
  TokenTable table_;
  Json json_;
  bool normalizes_ = false;
  bool ignore_merges_ = false;
};

}  // namespace

absl::StatusOr<TokenizerSpec> TokenizerSpecFromJson(const TokenizerFiles& files) {
  return Reader(files).Read();
}

}  // namespace gonka::model
