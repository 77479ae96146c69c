#include "sentencepiece_file.h"

#include <algorithm>
#include <bit>

#include "fmt/format.h"
#include "protobuf.h"

namespace gonka::model {
namespace {

using Field = ProtobufReader::Field;
using Wire = ProtobufReader::Wire;

// Numbers of sentencepiece_model.proto.
enum ModelField : uint32_t { kPieces = 1, kTrainer = 2, kNormalizer = 3, kDenormalizer = 5 };
enum PieceField : uint32_t { kText = 1, kScore = 2, kType = 3 };
enum TrainerField : uint32_t {
  kModelType = 3,
  kSpaceAsSuffix = 24,
  kByteFallback = 35,
  kUnknownId = 40,
  kBosId = 41,
  kEosId = 42
};
enum NormalizerField : uint32_t {
  kCharsmap = 2,
  kAddPrefix = 3,
  kTrimSpaces = 4,
  kEscapeSpaces = 5
};
constexpr uint64_t kUnigramType = 1;
constexpr uint64_t kBpeType = 2;

class Reader {
 public:
  explicit Reader(const TokenizerFiles& files) : files_(files), table_(files) {}

  absl::StatusOr<TokenizerSpec> Read() {
    GONKA_RETURN_IF_ERROR(
        ForEach(files_.content, [&](const Field& field) { return ReadPart(field); }));
    GONKA_RETURN_IF_ERROR(Decide());
    GONKA_RETURN_IF_ERROR(ReadAdded());
    GONKA_RETURN_IF_ERROR(table_.FillUnused());
    spec().scores.resize(spec().tokens.size(), 0);
    GONKA_RETURN_IF_ERROR(table_.ReadBosAndEos());
    GONKA_RETURN_IF_ERROR(ReadAddBos());
    GONKA_RETURN_IF_ERROR(table_.ReadEnds());
    TokenizerSpec result = table_.Take();
    // What the file itself defines is left alone by its normaliser, and found behind it.
    for (uint32_t id = 0; id < own_; ++id) {
      if (result.kinds[id] != TokenKind::kUserDefined || HasFlags(result, id)) continue;
      result.added_flags.push_back({.id = id, .normalized = true});
    }
    std::sort(result.added_flags.begin(), result.added_flags.end(),
              [](const AddedFlags& a, const AddedFlags& b) { return a.id < b.id; });
    return result;
  }

 private:
  TokenizerSpec& spec() { return table_.spec(); }

  static bool HasFlags(const TokenizerSpec& spec, uint32_t id) {
    return std::any_of(spec.added_flags.begin(), spec.added_flags.end(),
                       [&](const AddedFlags& flags) { return flags.id == id; });
  }

  template <typename OnField>
  absl::Status ForEach(std::string_view message, const OnField& on_field) const {
    ProtobufReader reader(message);
    while (!reader.AtEnd()) {
      const absl::StatusOr<Field> field = reader.Next();
      if (!field.ok()) return table_.Bad(Message(field.status()));
      GONKA_RETURN_IF_ERROR(on_field(*field));
    }
    return absl::OkStatus();
  }

  absl::Status ReadPart(const Field& field) {
    const bool is_known = field.number == kPieces || field.number == kTrainer ||
                          field.number == kNormalizer || field.number == kDenormalizer;
    if (!is_known) return absl::OkStatus();  // Self tests.
    if (field.wire != Wire::kBytes) {
      return table_.Bad(fmt::format("field {} is no message", field.number));
    }
    switch (field.number) {
      case kPieces:
        return ReadPiece(field.bytes);
      case kTrainer:
        return ForEach(field.bytes, [&](const Field& one) { return ReadTrainer(one); });
      case kNormalizer:
        return ForEach(field.bytes, [&](const Field& one) { return ReadNormalizer(one); });
      default:
        return ForEach(field.bytes, [&](const Field& one) {
          if (one.number != kCharsmap || one.bytes.empty()) return absl::OkStatus();
          return table_.Refuse("denormalizer_spec.precompiled_charsmap", one.bytes.size(), "none");
        });
    }
  }

  absl::Status ReadPiece(std::string_view message) {
    std::string text;
    float score = 0;
    uint64_t type = static_cast<uint64_t>(TokenKind::kNormal);
    GONKA_RETURN_IF_ERROR(ForEach(message, [&](const Field& field) {
      if (field.number == kText) text = field.bytes;
      if (field.number == kScore) score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
      if (field.number == kType) type = field.value;
      return absl::OkStatus();
    }));
    const bool is_known = type >= 1 && type <= 6 && type != uint64_t(TokenKind::kUnused);
    if (!is_known) {
      return table_.Bad(fmt::format("piece {} has type {}, which is not supported", own_, type));
    }
    GONKA_RETURN_IF_ERROR(table_.Place(text, own_, static_cast<TokenKind>(type)));
    spec().scores.push_back(score);
    ++own_;
    return absl::OkStatus();
  }

  absl::Status ReadTrainer(const Field& field) {
    switch (field.number) {
      case kModelType:
        model_type_ = field.value;
        break;
      case kSpaceAsSuffix:
        if (field.value == 0) break;
        return table_.Refuse("trainer_spec.treat_whitespace_as_suffix", true, "false");
      case kByteFallback:
        spec().rules.byte_fallback = field.value != 0;
        break;
      case kUnknownId:
        unknown_ = field.value;
        break;
      case kBosId:
        bos_ = field.value;
        break;
      case kEosId:
        eos_ = field.value;
        break;
    }
    return absl::OkStatus();
  }

  absl::Status ReadNormalizer(const Field& field) {
    switch (field.number) {
      case kCharsmap:
        spec().rules.charsmap = field.bytes;
        break;
      case kAddPrefix:
        has_prefix_ = field.value != 0;
        break;
      case kTrimSpaces:
        trims_ = field.value != 0;
        break;
      case kEscapeSpaces:
        if (field.value != 0) break;
        return table_.Refuse("normalizer_spec.escape_whitespaces", false, "true");
    }
    return absl::OkStatus();
  }

  absl::Status Decide() {
    if (own_ == 0) return table_.Bad("no pieces");
    if (model_type_ != kBpeType && model_type_ != kUnigramType) {
      return table_.Refuse("trainer_spec.model_type", model_type_, "1 (unigram) and 2 (BPE)");
    }
    spec().model =
        model_type_ == kBpeType ? TokenizerModel::kScoredPieces : TokenizerModel::kUnigram;
    spec().pre_tokenizer = PreTokenizer::kWhole;
    PieceRules& rules = spec().rules;
    rules.prefix = has_prefix_ ? SpacePrefix::kEach : SpacePrefix::kNone;
    rules.trim_spaces = trims_;
    rules.fuse_unknown = true;
    if (unknown_ >= own_ || spec().kinds[unknown_] != TokenKind::kUnknown) {
      return table_.Refuse("trainer_spec.unk_id", unknown_, "a piece of type unknown");
    }
    rules.unknown = static_cast<uint32_t>(unknown_);
    // A model without one says -1, which arrives as a great number.
    const auto control = [&](uint64_t id) {
      const bool is_one = id < own_ && spec().kinds[id] == TokenKind::kControl;
      return is_one ? std::optional(static_cast<uint32_t>(id)) : std::nullopt;
    };
    spec().bos = control(bos_);
    spec().eos = control(eos_);
    return absl::OkStatus();
  }

  // What was added to the model after it had been trained.
  absl::Status ReadAdded() {
    const Json& added = FieldOf(*files_.tokenizer_config, "added_tokens_decoder");
    if (added.is_null()) return absl::OkStatus();
    if (!added.is_object()) return table_.Refuse("added_tokens_decoder", added, "an object");
    for (const auto& [name, token] : added.items()) {
      const bool is_number =
          !name.empty() && name.size() < 10 && name.find_first_not_of("0123456789") == name.npos;
      if (!is_number) return table_.Refuse("added_tokens_decoder", name, "ids");
      const uint64_t id = std::stoull(name);
      const bool is_unknown = id < own_ && spec().kinds[id] == TokenKind::kUnknown;
      GONKA_RETURN_IF_ERROR(table_.PlaceAdded(token, id, false));
      if (is_unknown) spec().kinds[id] = TokenKind::kUnknown;
    }
    return absl::OkStatus();
  }

  // As Llama's tokenizers do where nothing is said.
  absl::Status ReadAddBos() {
    const Json& add_eos = FieldOf(*files_.tokenizer_config, "add_eos_token");
    if (add_eos == Json(true)) return table_.Refuse("add_eos_token", add_eos, "false");
    const Json& add_bos = FieldOf(*files_.tokenizer_config, "add_bos_token");
    spec().add_bos = add_bos.is_boolean() ? add_bos.get<bool>() : spec().bos.has_value();
    return absl::OkStatus();
  }

  const TokenizerFiles& files_;
  TokenTable table_;
  uint64_t own_ = 0;  // Pieces of the file.
  uint64_t model_type_ = kUnigramType;
  uint64_t unknown_ = 0;
  uint64_t bos_ = 1;
  uint64_t eos_ = 2;
  bool has_prefix_ = true;
  bool trims_ = true;
};

}  // namespace

absl::StatusOr<TokenizerSpec> TokenizerSpecFromSentencePiece(const TokenizerFiles& files) {
  return Reader(files).Read();
}

}  // namespace gonka::model
