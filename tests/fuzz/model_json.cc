// The JSON files of a Hugging Face folder: config.json, the index of shards, tokenizer.json. The
// first byte says which; a tokenizer is used, too.

#include "engine/kernels/rotary.h"
#include "gonka/base/check.h"
#include "gonka/model/config.h"
#include "model/folder.h"
#include "model/tokenizer_json.h"

namespace gonka::model {
namespace {

void TryConfig(std::string_view json) {
  const auto config = ConfigFromJson("config.json", json);
  if (!config.ok() || config->head_dim > 4096) return;
  for (const double frequency : engine::kernels::RopeFrequencies(*config, {})) {
    GONKA_CHECK(frequency >= 0 && frequency <= 1);
  }
}

void TryTokenizer(std::string_view json) {
  const Json none = Json::object();
  const auto spec = TokenizerSpecFromJson({.path = "tokenizer.json",
                                           .content = json,
                                           .vocab = 300,
                                           .tokenizer_config = &none,
                                           .generation_config = &none,
                                           .config = &none});
  if (!spec.ok()) return;
  GONKA_CHECK(spec->tokens.size() == 300);
  const auto tokenizer = Tokenizer::Create(*spec);
  if (!tokenizer.ok()) return;
  const auto ids = (*tokenizer)->Encode("Hello, w\u00f6rld 42<|im_end|>", true);
  GONKA_CHECK(ids.ok() && (*tokenizer)->Decode(*ids).ok());
}

}  // namespace
}  // namespace gonka::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view json(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      gonka::model::TryConfig(json);
      break;
    case 1:
      (void)gonka::model::ParseShardIndex("index", json).ok();
      break;
    default:
      gonka::model::TryTokenizer(json);
  }
  return 0;
}
