// Text, under each pre-tokenizer and, with a larger first byte, composed or in pieces. The first
// byte chooses one and whether special tokens are allowed. With a token for every byte nothing may
// get lost, streamed or not.

#include "gonka/model/tokenizer.h"

#include <array>

#include "gonka/base/check.h"
#include "model/byte_alphabet.h"
#include "model/nfc.h"
#include "model/utf8.h"

namespace gonka::model {
namespace {

TokenizerSpec Spec(PreTokenizer pre_tokenizer) {
  TokenizerSpec spec;
  spec.pre_tokenizer = pre_tokenizer;
  for (unsigned byte = 0; byte < 256; ++byte) {
    AppendUtf8(spec.tokens.emplace_back(), CharOfByte(static_cast<uint8_t>(byte)));
  }
  const std::pair<const char*, const char*> merges[] = {
      {"a", "a"},           {"aa", "aa"},         {"\u0120", "t"},
      {"\u0120t", "h"},     {"\u0120", "\u0120"}, {"1", "2"},
      {"\u010a", "\u010a"}, {"\u00c3", "\u00a9"}, {"'", "s"}};
  for (const auto& [left, right] : merges) {
    spec.merges.push_back(std::string(left) + " " + right);
    spec.tokens.push_back(std::string(left) + right);
  }
  spec.kinds.assign(spec.tokens.size(), TokenKind::kNormal);
  for (const char* special : {"<|im_end|>", "<|im_start|>", "<|", "aa1"}) {
    spec.tokens.emplace_back(special);
    spec.kinds.push_back(TokenKind::kControl);
  }
  return spec;
}

// The same words in SentencePiece's alphabet.
TokenizerSpec Pieces(TokenizerModel model) {
  TokenizerSpec spec;
  spec.model = model;
  spec.pre_tokenizer = PreTokenizer::kWhole;
  for (unsigned byte = 0; byte < 256; ++byte) {
    constexpr const char* kDigits = "0123456789ABCDEF";
    spec.tokens.push_back(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">");
    spec.kinds.push_back(TokenKind::kByte);
  }
  for (const char* text :
       {"\u2581", "a", "t", "h", "aa", "aaaa", "\u2581t", "\u2581th", "\u2581\u2581"}) {
    spec.tokens.emplace_back(text);
    spec.kinds.push_back(TokenKind::kNormal);
  }
  for (const char* special : {"<|im_end|>", "<|", "<unk>"}) {
    spec.tokens.emplace_back(special);
    spec.kinds.push_back(TokenKind::kControl);
  }
  spec.rules = {.prefix = SpacePrefix::kEach,
                .byte_fallback = true,
                .unknown = static_cast<uint32_t>(spec.tokens.size() - 1)};
  spec.added_flags = {{.id = 265, .strip_left = true, .strip_right = true}};
  if (model == TokenizerModel::kMergedPieces) {
    spec.merges = {"a a", "aa aa", "\u2581 t", "\u2581t h", "\u2581 \u2581"};
  } else {
    for (size_t id = 0; id < spec.tokens.size(); ++id) {
      spec.scores.push_back(-static_cast<float>(id % 7));
    }
  }
  return spec;
}

constexpr size_t kByteTokenizers = 4;
constexpr size_t kComposing = 4;
constexpr size_t kTokenizers = 8;

std::array<std::shared_ptr<const Tokenizer>, kTokenizers> MakeTokenizers() {
  std::array<std::shared_ptr<const Tokenizer>, kTokenizers> tokenizers;
  for (uint8_t i = 0; i < kByteTokenizers; ++i) {
    tokenizers[i] = Tokenizer::Create(Spec(static_cast<PreTokenizer>(i))).value();
  }
  TokenizerSpec composing = Spec(PreTokenizer::kQwen2);
  composing.is_nfc = true;
  for (uint32_t id = 0; id < composing.tokens.size(); ++id) {
    if (composing.kinds[id] == TokenKind::kControl) {
      composing.added_flags.push_back({.id = id, .normalized = id % 2 == 0});
    }
  }
  tokenizers[kComposing] = Tokenizer::Create(composing).value();
  tokenizers[5] = Tokenizer::Create(Pieces(TokenizerModel::kMergedPieces)).value();
  tokenizers[6] = Tokenizer::Create(Pieces(TokenizerModel::kScoredPieces)).value();
  tokenizers[7] = Tokenizer::Create(Pieces(TokenizerModel::kUnigram)).value();
  return tokenizers;
}

std::string Stream(const std::shared_ptr<const Tokenizer>& tokenizer,
                   const std::vector<uint32_t>& ids) {
  StreamDecoder stream(tokenizer, {.special_as_text = true, .at_start = true});
  std::string text;
  for (const uint32_t id : ids) {
    const std::string piece = stream.Push(id).value();
    GONKA_CHECK(!FindInvalidUtf8(piece));
    text += piece;
  }
  return text + stream.Finish();
}

// What a text becomes, as far as it can come back.
std::string Back(size_t kind, std::string_view text) {
  if (kind == kComposing) return ComposeNfc(text);
  std::string back(text);
  constexpr std::string_view kMark = "\u2581";
  for (size_t at; kind > kComposing && (at = back.find(kMark)) != std::string::npos;) {
    back.replace(at, kMark.size(), " ");
  }
  return back;
}

void TryText(size_t kind, const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view text,
             bool allow_special) {
  const auto ids = tokenizer->Encode(text, allow_special);
  GONKA_CHECK(ids.ok() == !FindInvalidUtf8(text).has_value());
  if (!ids.ok()) return;
  for (const uint32_t id : *ids) GONKA_CHECK(allow_special || !tokenizer->IsSpecial(id));
  const DecodeOptions whole{.special_as_text = true, .at_start = true};
  const std::string decoded = tokenizer->Decode(*ids, whole).value();
  GONKA_CHECK(Stream(tokenizer, *ids) == decoded);
  // Between special tokens spaces are swallowed, and thought.
  if (kind < kByteTokenizers || !allow_special) GONKA_CHECK(decoded == Back(kind, text));
}

// The bytes as ids: a stream and Decode must agree on what is not UTF-8, too.
void TryIds(const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view text) {
  std::vector<uint32_t> ids;
  for (const char c : text) ids.push_back(static_cast<uint8_t>(c));
  const std::string decoded =
      tokenizer->Decode(ids, {.special_as_text = true, .at_start = true}).value();
  GONKA_CHECK(!FindInvalidUtf8(decoded));
  GONKA_CHECK(decoded == Stream(tokenizer, ids));
}

}  // namespace
}  // namespace gonka::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka::model;
  static const auto tokenizers = MakeTokenizers();
  if (size == 0) return 0;
  const size_t kind = data[0] % 4 + ((data[0] & 8) != 0 ? kByteTokenizers : 0);
  const auto& tokenizer = tokenizers[kind];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  TryText(kind, tokenizer, text, (data[0] & 4) != 0);
  TryIds(tokenizer, text);
  return 0;
}
