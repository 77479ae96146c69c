// Every kind of tokenizer against the library that trained it: tests/golden/tokenizers.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "gguf_builder.h"
#include "gonka/model/manifest.h"
#include "gonka/model/tokenizer.h"
#include "model/nfc.h"
#include "model/sentencepiece_file.h"
#include "model/tokenizer_json.h"

using namespace gonka;
using namespace gonka::model;
using Ids = std::vector<uint32_t>;

namespace {

const std::string kDirectory = GONKA_SOURCE_DIR "/tests/golden/tokenizers";

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), path);
  return {std::istreambuf_iterator<char>(file), {}};
}

absl::StatusOr<TokenizerSpec> ReadSpec(const std::string& kind, uint32_t vocab,
                                       Json config = Json::object()) {
  const std::string folder = kDirectory + "/" + kind;
  const bool is_json = std::filesystem::exists(folder + "/tokenizer.json");
  const std::string path = folder + (is_json ? "/tokenizer.json" : "/tokenizer.model");
  const std::string content = ReadText(path);
  const Json none = Json::object();
  const TokenizerFiles files{.path = path,
                             .content = content,
                             .vocab = vocab,
                             .tokenizer_config = &config,
                             .generation_config = &none,
                             .config = &none};
  return is_json ? TokenizerSpecFromJson(files) : TokenizerSpecFromSentencePiece(files);
}

std::shared_ptr<const Tokenizer> Load(const std::string& kind, uint32_t vocab) {
  const auto spec = ReadSpec(kind, vocab);
  REQUIRE_MESSAGE(spec.ok(), ToString(spec.status()));
  const auto tokenizer = Tokenizer::Create(*spec);
  REQUIRE_MESSAGE(tokenizer.ok(), ToString(tokenizer.status()));
  return *tokenizer;
}

std::string Stream(const std::shared_ptr<const Tokenizer>& tokenizer, const Ids& ids,
                   DecodeOptions options) {
  StreamDecoder stream(tokenizer, options);
  std::string text;
  for (const uint32_t id : ids) text += stream.Push(id).value();
  return text + stream.Finish();
}

constexpr const char* kKinds[] = {"bytes-nfc",         "bytes-strip",      "llama-prepend",
                                  "llama-replace",     "metaspace-first",  "metaspace-words",
                                  "spm-bpe",           "spm-bpe-unknown",  "spm-unigram",
                                  "metaspace-unfused", "spm-unigram-bytes"};

}  // namespace

TEST_CASE("every kind of tokenizer gives the ids of the library that trained it") {
  const char* elsewhere = std::getenv("GONKA_TOKENIZER_VECTORS");
  const std::string directory = elsewhere == nullptr ? kDirectory : elsewhere;
  size_t compared = 0;
  for (const std::string kind : kKinds) {
    CAPTURE(kind);
    const Json file = Json::parse(ReadText(directory + "/" + kind + ".json"));
    const auto tokenizer = Load(kind, file["vocab"].get<uint32_t>());
    for (const Json& vector : file["vectors"]) {
      const auto text = vector[0].get<std::string>();
      const auto expected = vector[1].get<Ids>();
      const auto ids = tokenizer->Encode(text, true);
      REQUIRE_MESSAGE(ids.ok(), ToString(ids.status()));
      CHECK_MESSAGE(*ids == expected, Json(text).dump(), " ", Json(*ids).dump(), " but ",
                    Json(expected).dump());
      const DecodeOptions whole{.special_as_text = true, .at_start = true};
      CHECK(Stream(tokenizer, *ids, whole) == *tokenizer->Decode(*ids, whole));
      CHECK(Stream(tokenizer, *ids, {}) == *tokenizer->Decode(*ids, {}));
      ++compared;
    }
  }
  CHECK(compared >= 11 * 150);
  MESSAGE(compared, " texts");
}

TEST_CASE("a tokenizer.model's control tokens are found in trusted text alone, its users' too") {
  const auto tokenizer = Load("spm-bpe", 560);
  const Ids trusted = *tokenizer->Encode("<s>a<tool>", true);
  CHECK(trusted.front() == tokenizer->FindSpecial("<s>"));
  CHECK(trusted.back() == tokenizer->FindSpecial("<tool>"));
  const Ids untrusted = *tokenizer->Encode("<s>a<tool></s>", false);
  for (const uint32_t id : untrusted) {
    CHECK_FALSE(tokenizer->IsSpecial(id));
    CHECK(id != tokenizer->FindSpecial("<tool>"));
  }
  CHECK(tokenizer->bos() == 1);
  CHECK(tokenizer->end_ids() == Ids{2});
  CHECK(tokenizer->add_bos());
}

TEST_CASE("no normaliser makes untrusted text trusted") {
  const auto composing = Load("bytes-nfc", 500 + 6);
  const auto tool = composing->FindSpecial("<tool>");
  REQUIRE(tool.has_value());
  const auto has_tool = [&](const MarkedText& text) {
    const Ids ids = *composing->Encode(text);
    return std::find(ids.begin(), ids.end(), *tool) != ids.end();
  };
  const std::string marked = "e\u0301<tool>e\u0301";
  CHECK(has_tool({marked, {{0, marked.size()}}}));
  CHECK(has_tool({marked, {{3, 9}}}));
  CHECK_FALSE(has_tool({marked, {{0, 3}}}));
  CHECK_FALSE(has_tool({marked, {{3, 8}}}));
  CHECK_FALSE(has_tool({marked, {{9, 12}}}));
  // The bracket and the stroke become one character, which nobody may have trusted as a whole.
  CHECK_FALSE(has_tool({"<tool>\u0338", {{0, 6}}}));

  const auto pieces = Load("spm-unigram", 300);
  const auto symbol = pieces->FindSpecial("<tool>");
  // Fullwidth brackets become ASCII ones, which would spell the token.
  const Ids ids = *pieces->Encode("\uff1ctool\uff1e", false);
  CHECK(std::find(ids.begin(), ids.end(), *symbol) == ids.end());
}

TEST_CASE("a space thought before a text comes back only where ids go on from others") {
  const auto tokenizer = Load("llama-prepend", 706);
  const Ids ids = *tokenizer->Encode("the Work", false);
  CHECK(*tokenizer->Decode(ids, {.at_start = true}) == "the Work");
  CHECK(*tokenizer->Decode(ids) == " the Work");
  CHECK(Stream(tokenizer, ids, {.at_start = true}) == "the Work");
  CHECK(Stream(tokenizer, ids, {}) == " the Work");
  // Found as "\u2581<tool>", known as what the file calls it.
  REQUIRE(tokenizer->FindSpecial("<tool>").has_value());
  CHECK(tokenizer->Encode("a <tool>", true)->back() == *tokenizer->FindSpecial("<tool>"));
  const Ids spaced = *tokenizer->Encode("  the", false);
  CHECK(*tokenizer->Decode(spaced, {.at_start = true}) == "  the");
}

TEST_CASE("a character without a token becomes bytes, and a stream shows it whole") {
  const auto tokenizer = Load("spm-bpe", 560);
  const Ids ids = *tokenizer->Encode("\U0001f9ff", false);
  REQUIRE(ids.size() == 5);
  StreamDecoder stream(tokenizer);
  CHECK(*stream.Push(ids[0]) == " ");
  for (size_t i = 1; i < 4; ++i) CHECK(*stream.Push(ids[i]) == "");
  CHECK(*stream.Push(ids[4]) == "\U0001f9ff");
}

TEST_CASE("what tokenizer_config.json adds to a tokenizer.model is found in text") {
  const Json config = {{"eos_token", "<|end|>"},
                       {"add_bos_token", false},
                       {"added_tokens_decoder",
                        {{"560", {{"content", "<|end|>"}, {"special", true}, {"rstrip", true}}},
                         {"2", {{"content", "</s>"}, {"special", true}, {"rstrip", false}}}}}};
  const auto spec = ReadSpec("spm-bpe", 562, config);
  REQUIRE_MESSAGE(spec.ok(), ToString(spec.status()));
  CHECK(spec->tokens[561] == "[PAD561]");
  CHECK(spec->end_ids == Ids{560});
  CHECK_FALSE(spec->add_bos);
  const auto tokenizer = *Tokenizer::Create(*spec);
  CHECK(*tokenizer->Encode("<|end|>  \n", true) == Ids{560});
  const auto refused =
      ReadSpec("spm-bpe", 562, {{"added_tokens_decoder", {{"2", {{"content", "<x>"}}}}}});
  CHECK(Message(refused.status()).ends_with("id 2 has two tokens, \"</s>\" and \"<x>\""));
  CHECK(Message(ReadSpec("spm-bpe", 500).status())
            .ends_with("has id 500, but the model has a vocabulary of 500"));
}

TEST_CASE("a broken tokenizer.model is refused by the thing and its value") {
  const auto refusal = [](std::string_view content) {
    const Json none = Json::object();
    const auto spec = TokenizerSpecFromSentencePiece({.path = "m",
                                                      .content = content,
                                                      .vocab = 9,
                                                      .tokenizer_config = &none,
                                                      .generation_config = &none,
                                                      .config = &none});
    return spec.ok() ? "accepted" : Message(spec.status());
  };
  using namespace std::string_view_literals;
  const std::string unknown = "\x0a\x09\x0a\x05<unk>\x18\x02";
  CHECK(refusal(unknown) == "accepted");
  CHECK(refusal("") == "m: no pieces");
  CHECK(refusal("\x0a\x09\x0a") ==
        "m: field 1 of 9 bytes is cut short, 1 bytes before the end of the message");
  CHECK(refusal("\x0b") ==
        "m: field 1 has the unknown type 3, 0 bytes before the end of the message");
  CHECK(refusal("\x08\x01") == "m: field 1 is no message");
  CHECK(refusal("\x0a\x05\x0a\x01x\x18\x07") == "m: piece 0 has type 7, which is not supported");
  CHECK(refusal("\x0a\x03\x0a\x01x") ==
        "m: trainer_spec.unk_id = 0 is not supported, only a piece of type unknown");
  CHECK(refusal(unknown + "\x12\x02\x18\x03") ==
        "m: trainer_spec.model_type = 3 is not supported, only 1 (unigram) and 2 (BPE)");
  CHECK(refusal(unknown + std::string("\x1a\x02\x28\x00"sv)) ==
        "m: normalizer_spec.escape_whitespaces = false is not supported, only true");
  CHECK(refusal(unknown + "\x2a\x03\x12\x01x") ==
        "m: denormalizer_spec.precompiled_charsmap = 1 is not supported, only none");
}

TEST_CASE("GGUF's \"llama\" tokenizer is the tokenizer.model that it was made from") {
  auto expected = *ReadSpec("spm-bpe", 560);
  std::vector<int32_t> kinds;
  for (const TokenKind kind : expected.kinds) kinds.push_back(static_cast<int32_t>(kind));
  const Bytes bytes = test::GgufBuilder()
                          .String("tokenizer.ggml.model", "llama")
                          .Strings("tokenizer.ggml.tokens", expected.tokens)
                          .Floats("tokenizer.ggml.scores", expected.scores)
                          .Ints("tokenizer.ggml.token_type", kinds)
                          .Uint("tokenizer.ggml.bos_token_id", 1)
                          .Uint("tokenizer.ggml.eos_token_id", 2)
                          .Build();
  const auto spec = TokenizerSpecFromGguf(**Gguf::FromBytes("pieces.gguf", bytes));
  REQUIRE_MESSAGE(spec.ok(), ToString(spec.status()));
  CHECK(spec->added_flags.empty());  // llama.cpp finds users' tokens before it marks spaces.
  expected.added_flags.clear();
  CHECK(HashTokenizer(*spec) == HashTokenizer(expected));
}

TEST_CASE("scores, rules and flags are part of the hash, and their absence is version 1") {
  const auto base = *ReadSpec("spm-bpe", 560);
  std::vector<std::function<void(TokenizerSpec&)>> changes = {
      [](auto&) {},
      [](auto& s) { s.scores[7] -= 1; },
      [](auto& s) { s.model = TokenizerModel::kUnigram; },
      [](auto& s) { s.is_nfc = true; },
      [](auto& s) { s.rules.prefix = SpacePrefix::kFirst; },
      [](auto& s) { s.rules.prefix_unless_space = true; },
      [](auto& s) { s.rules.trim_spaces = true; },
      [](auto& s) { s.rules.byte_fallback = false; },
      [](auto& s) { s.rules.fuse_unknown = false; },
      [](auto& s) { s.rules.unknown.reset(); },
      [](auto& s) { s.rules.charsmap = "x"; },
      [](auto& s) { s.added_flags[0].strip_left = true; },
      [](auto& s) { s.added_flags.pop_back(); }};
  std::set<Hash> hashes;
  for (const auto& change : changes) {
    TokenizerSpec spec = base;
    change(spec);
    hashes.insert(HashTokenizer(spec));
  }
  CHECK(hashes.size() == changes.size());
}

TEST_CASE("marks in any number are put in order without delay") {
  std::string marks = "a";
  for (int i = 0; i < 200'000; ++i) marks += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string composed = ComposeNfc(marks);
  CHECK(composed.starts_with("\u1ea1\u0323"));
  CHECK(composed.ends_with("\u0301"));
  CHECK(ComposeNfc(composed) == composed);
}

TEST_CASE("half a megabyte of anything is tokenised by every kind") {
  for (const std::string kind : {"bytes-nfc", "llama-prepend", "spm-bpe", "spm-unigram"}) {
    const auto tokenizer = Load(kind, 800);
    for (const std::string unit :
         {"a", " ", "\n", "the ", "\u0301", "\u2581", "<tool>", "\u212b\u0323", "\uff21"}) {
      std::string text;
      while (text.size() < (1 << 19)) text += unit;
      const auto ids = tokenizer->Encode(text, true);
      REQUIRE(ids.ok());
      CHECK(tokenizer->Decode(*ids).ok());
    }
  }
}
