// A tokenizer.model, and what it makes of some text.

#include "gonka/base/check.h"
#include "gonka/model/manifest.h"
#include "model/sentencepiece_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka::model;
  const Json none = Json::object();
  const auto spec = TokenizerSpecFromSentencePiece(
      {.path = "tokenizer.model",
       .content = std::string_view(reinterpret_cast<const char*>(data), size),
       .vocab = 600,
       .tokenizer_config = &none,
       .generation_config = &none,
       .config = &none});
  if (!spec.ok()) return 0;
  GONKA_CHECK(spec->tokens.size() == 600 && spec->scores.size() == 600);
  (void)HashTokenizer(*spec);
  const auto tokenizer = Tokenizer::Create(*spec);
  if (!tokenizer.ok()) return 0;
  for (const bool trusted : {false, true}) {
    const auto ids =
        (*tokenizer)
            ->Encode("  the Work <s> caf\u00e9 \uff21\u3000\u2581 \U0001f600 <tool>\n\n ab",
                     trusted);
    GONKA_CHECK(ids.ok() && (*tokenizer)->Decode(*ids).ok());
    StreamDecoder stream(*tokenizer, {.at_start = true});
    std::string text;
    for (const uint32_t id : *ids) text += stream.Push(id).value();
    GONKA_CHECK(text + stream.Finish() == (*tokenizer)->Decode(*ids, {.at_start = true}).value());
  }
  return 0;
}
