// Text, under each pre-tokenizer. The first byte chooses one and whether special tokens are
// allowed. With a token for every byte nothing may get lost, streamed or not.

#include "gonka/model/tokenizer.h"

#include <array>

#include "gonka/base/check.h"
#include "model/byte_alphabet.h"
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

std::array<std::shared_ptr<const Tokenizer>, 4> MakeTokenizers() {
  std::array<std::shared_ptr<const Tokenizer>, 4> tokenizers;
  for (uint8_t i = 0; i < 4; ++i) {
    tokenizers[i] = Tokenizer::Create(Spec(static_cast<PreTokenizer>(i))).value();
  }
  return tokenizers;
}

std::string Stream(const std::shared_ptr<const Tokenizer>& tokenizer,
                   const std::vector<uint32_t>& ids) {
  StreamDecoder stream(tokenizer, {.special_as_text = true});
  std::string text;
  for (const uint32_t id : ids) {
    const std::string piece = stream.Push(id).value();
    GONKA_CHECK(!FindInvalidUtf8(piece));
    text += piece;
  }
  return text + stream.Finish();
}

void TryText(const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view text,
             bool allow_special) {
  const auto ids = tokenizer->Encode(text, allow_special);
  GONKA_CHECK(ids.ok() == !FindInvalidUtf8(text).has_value());
  if (!ids.ok()) return;
  for (const uint32_t id : *ids) GONKA_CHECK(allow_special || !tokenizer->IsSpecial(id));
  GONKA_CHECK(tokenizer->Decode(*ids, {.special_as_text = true}).value() == text);
  GONKA_CHECK(Stream(tokenizer, *ids) == text);
}

// The bytes as ids: a stream and Decode must agree on what is not UTF-8, too.
void TryIds(const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view text) {
  std::vector<uint32_t> ids;
  for (const char c : text) ids.push_back(static_cast<uint8_t>(c));
  const std::string decoded = tokenizer->Decode(ids, {.special_as_text = true}).value();
  GONKA_CHECK(!FindInvalidUtf8(decoded));
  GONKA_CHECK(decoded == Stream(tokenizer, ids));
}

}  // namespace
}  // namespace gonka::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka::model;
  static const auto tokenizers = MakeTokenizers();
  if (size == 0) return 0;
  const auto& tokenizer = tokenizers[data[0] % 4];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  TryText(tokenizer, text, (data[0] & 4) != 0);
  TryIds(tokenizer, text);
  return 0;
}
