#include "gonka/model/tokenizer.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gonka/model/checkpoint.h"
#include "model/splitter.h"
#include "model/utf8.h"

using namespace gonka;
using namespace gonka::model;
using Ids = std::vector<uint32_t>;

namespace {

nlohmann::json ReadJson(const std::string& path) {
  std::ifstream file(std::string(GONKA_SOURCE_DIR "/") + path);
  REQUIRE_MESSAGE(file.good(), path);
  return nlohmann::json::parse(file);
}

std::shared_ptr<const Tokenizer> Load(const std::string& path) {
  const auto checkpoint = Checkpoint::Open(path);
  REQUIRE_MESSAGE(checkpoint.ok(), ToString(checkpoint.status()));
  auto tokenizer = (*checkpoint)->LoadTokenizer();
  REQUIRE_MESSAGE(tokenizer.ok(), ToString(tokenizer.status()));
  return *tokenizer;
}

std::shared_ptr<const Tokenizer> LoadTiny() {
  return Load(GONKA_SOURCE_DIR "/examples/tiny/tiny.gguf");
}

// "a", "b", their merges up to "abab", a user-defined and a control token.
TokenizerSpec SmallSpec() {
  TokenizerSpec spec;
  spec.tokens = {"<end>", "<b>", "a", "b", "ab", "abab", "\u0120", "aa", "<", "e"};
  spec.kinds.assign(spec.tokens.size(), TokenKind::kNormal);
  spec.kinds[0] = TokenKind::kControl;
  spec.kinds[1] = TokenKind::kUserDefined;
  spec.merges = {"a b", "ab ab", "a a"};
  return spec;
}

std::shared_ptr<const Tokenizer> Small() {
  const auto tokenizer = Tokenizer::Create(SmallSpec());
  REQUIRE(tokenizer.ok());
  return *tokenizer;
}

Ids Encode(const Tokenizer& tokenizer, std::string_view text, bool special = false) {
  const auto ids = tokenizer.Encode(text, special);
  REQUIRE_MESSAGE(ids.ok(), ToString(ids.status()));
  return *ids;
}

void CheckGolden(const Tokenizer& tokenizer, const nlohmann::json& vectors, bool special) {
  for (const auto& vector : vectors) {
    const auto text = vector["text"].get<std::string>();
    CHECK_MESSAGE(Encode(tokenizer, text, special) == vector["ids"].get<Ids>(), text);
  }
}

}  // namespace

TEST_CASE("text is cut as by the reference implementation") {
  const nlohmann::json vectors = ReadJson("tests/golden/model/splits.json");
  const std::pair<const char*, PreTokenizer> names[] = {{"gpt-2", PreTokenizer::kGpt2},
                                                        {"smollm", PreTokenizer::kSmollm},
                                                        {"llama-bpe", PreTokenizer::kLlamaBpe},
                                                        {"qwen2", PreTokenizer::kQwen2}};
  CHECK(vectors.size() > 300);
  for (const auto& [name, pre_tokenizer] : names) {
    const auto splitter = Splitter::Create(pre_tokenizer);
    REQUIRE(splitter.ok());
    for (const auto& vector : vectors) {
      const auto text = vector["text"].get<std::string>();
      std::vector<size_t> sizes;
      const auto status =
          (*splitter)->Split(text, [&](std::string_view piece) { sizes.push_back(piece.size()); });
      REQUIRE(status.ok());
      CHECK_MESSAGE(sizes == vector[name].get<std::vector<size_t>>(), name, ": ", text);
    }
  }
}

TEST_CASE("the tiny checkpoint tokenises as by the reference implementation") {
  const auto tokenizer = LoadTiny();
  const nlohmann::json reference = ReadJson("examples/tiny/reference.json");
  CheckGolden(*tokenizer, reference["tokenize"], false);
  CheckGolden(*tokenizer, reference["tokenize_special"], true);
}

TEST_CASE("SmolLM2 tokenises as by the reference implementation, and back") {
  const char* path = std::getenv("GONKA_SMOLLM2");
  if (path == nullptr) {
    MESSAGE("skipped: GONKA_SMOLLM2 is not set");
    return;
  }
  const auto tokenizer = Load(path);
  const nlohmann::json vectors = ReadJson("tests/golden/model/smollm2_tokens.json");
  CheckGolden(*tokenizer, vectors, true);
  CHECK(tokenizer->end_ids() == Ids{0, 2});
  CHECK(tokenizer->eos() == 2);
  CHECK_FALSE(tokenizer->add_bos());
  const std::string text = "Caf\u00e9 \U0001f600\n\n  42";
  CHECK(*tokenizer->Decode(Encode(*tokenizer, text)) == text);
}

TEST_CASE("pairs merge by rank, the leftmost first") {
  const auto tokenizer = Small();
  const std::pair<const char*, Ids> table[] = {
      {"", {}},           {"ab", {4}},     {"aab", {2, 4}},        {"abab", {5}},
      {"ababab", {5, 4}}, {"aaa", {7, 2}}, {"ba ab", {3, 2, 6, 4}}};
  for (const auto& [text, ids] : table) CHECK_MESSAGE(Encode(*tokenizer, text) == ids, text);
}

TEST_CASE("special tokens are recognised only where the caller trusts the text") {
  const auto tokenizer = Small();
  CHECK(Encode(*tokenizer, "a<end>b", true) == Ids{2, 0, 3});
  CHECK(Encode(*tokenizer, "a<b>b", true) == Ids{2, 1, 3});
  // n, d and > have no token in this vocabulary and are left out.
  CHECK(Encode(*tokenizer, "a<end>b", false) == Ids{2, 8, 9, 3});
  const MarkedText second_only{"<end><end>", {{5, 10}}};
  CHECK(*tokenizer->Encode(second_only) == Ids{8, 9, 0});
  const MarkedText straddling{"<end>", {{0, 3}}};
  CHECK(*tokenizer->Encode(straddling) == Ids{8, 9});
}

TEST_CASE("ordinary text around special tokens is cut as one, whoever wrote it") {
  const auto tokenizer = LoadTiny();
  const std::string text = "<|im_start|>user\n\n Hello<|im_end|>";
  const size_t user = text.find('\n') + 1;
  const size_t end = text.rfind('<');
  const MarkedText marked{text, {{0, user}, {end, text.size()}}};
  CHECK(*tokenizer->Encode(marked) == Encode(*tokenizer, text, true));
}

TEST_CASE("text that is not UTF-8 or too long is refused") {
  const auto tokenizer = Small();
  CHECK(Message(tokenizer->Encode("ab\xFFz", false).status()) ==
        "text is not UTF-8 at byte 2 of 4");
  CHECK(Message(tokenizer->Encode("\xED\xA0\x80", false).status()) ==
        "text is not UTF-8 at byte 0 of 3");
  CHECK(Message(tokenizer->Encode(std::string((16 << 20) + 1, 'a'), false).status()) ==
        "text of 16777217 bytes, at most 16777216 are accepted");
  CHECK_FALSE(tokenizer->Encode(MarkedText{"ab", {{1, 3}}}).ok());
}

TEST_CASE("a megabyte of anything is tokenised") {
  const auto tokenizer = LoadTiny();
  for (const std::string unit :
       {"a", " ", "\n", "9", "!", "'", " \n", "<", "<|", "\u4e2d", "\u0301"}) {
    std::string text;
    while (text.size() < (1 << 20)) text += unit;
    for (const std::string tail : {"", "x"}) {
      const Ids ids = Encode(*tokenizer, text + tail, true);
      CHECK(*tokenizer->Decode(ids) == text + tail);
    }
  }
}

TEST_CASE("a tokenizer that is no function is refused") {
  const auto refusal = [](const std::function<void(TokenizerSpec&)>& spoil) {
    TokenizerSpec spec = SmallSpec();
    spoil(spec);
    const auto tokenizer = Tokenizer::Create(spec);
    return tokenizer.ok() ? "accepted" : Message(tokenizer.status());
  };
  CHECK(refusal([](auto&) {}) == "accepted");
  CHECK(refusal([](auto& s) { s.tokens[9] = "a"; }) ==
        "tokenizer: token \"a\" has two ids, 2 and 9");
  CHECK(refusal([](auto& s) { s.tokens[9] = "\u4e2d"; }) ==
        "tokenizer: token 9 \"\u4e2d\" has a character outside the byte alphabet");
  CHECK(refusal([](auto& s) { s.kinds.pop_back(); }) == "tokenizer: 10 tokens, but 9 kinds");
  CHECK(refusal([](auto& s) { s.merges.push_back("a b"); }) ==
        "tokenizer: merge 3 \"a b\" stands in the list twice");
  CHECK(refusal([](auto& s) { s.merges.push_back("b z"); }) ==
        "tokenizer: merge 3 \"b z\" is of tokens that do not exist");
  CHECK(refusal([](auto& s) { s.merges.push_back("b b"); }) ==
        "tokenizer: merge 3 \"b b\" gives a token that does not exist");
  CHECK(refusal([](auto& s) { s.merges.push_back("ab"); }) ==
        "tokenizer: merge 3 \"ab\" is not two tokens with a space between them");
  CHECK(refusal([](auto& s) { s.kinds[5] = TokenKind::kControl; }) ==
        "tokenizer: merge 1 \"ab ab\" spells a control token");
  CHECK(refusal([](auto& s) { s.eos = 10; }) == "tokenizer: id 10 is beyond the 10 tokens");
  CHECK(refusal([](auto& s) { s.tokens.clear(); }) ==
        "tokenizer: 0 tokens, 1 to 1048576 are accepted");
}

TEST_CASE("a stream of tokens never shows half a character") {
  const auto tokenizer = LoadTiny();
  const std::string text = "\u00e9\u4e2d\U0001f600 \U0001f468\u200d\U0001f469 na\u00efve";
  const Ids ids = Encode(*tokenizer, text);
  StreamDecoder stream(tokenizer);
  std::string streamed;
  for (const uint32_t id : ids) {
    const auto piece = stream.Push(id);
    REQUIRE(piece.ok());
    CHECK_FALSE(FindInvalidUtf8(*piece).has_value());
    streamed += *piece;
  }
  CHECK(stream.Finish() == "");
  CHECK(streamed == text);
}

TEST_CASE("bytes that never become a character end as U+FFFD, streamed or not") {
  const auto tokenizer = LoadTiny();
  const Ids emoji = Encode(*tokenizer, "\U0001f600");
  REQUIRE(emoji.size() > 1);
  const Ids cut(emoji.begin(), emoji.end() - 1);
  CHECK(*tokenizer->Decode(cut) == "\uFFFD");
  Ids broken = cut;
  broken.push_back(Encode(*tokenizer, "a")[0]);
  CHECK(*tokenizer->Decode(broken) == "\uFFFDa");
  StreamDecoder stream(tokenizer);
  std::string streamed;
  for (const uint32_t id : cut) streamed += *stream.Push(id);
  CHECK(streamed == "");
  CHECK(stream.Finish() == "\uFFFD");
  CHECK(stream.Finish() == "");
}

TEST_CASE("special tokens decode to nothing unless asked for, unknown ids are refused") {
  const auto tokenizer = Small();
  CHECK(*tokenizer->Decode(Ids{2, 0, 3}) == "ab");
  CHECK(*tokenizer->Decode(Ids{2, 0, 3}, {.special_as_text = true}) == "a<end>b");
  CHECK(*tokenizer->Decode(Ids{1}) == "<b>");
  CHECK(tokenizer->FindSpecial("<end>") == 0);
  CHECK_FALSE(tokenizer->FindSpecial("<en").has_value());
  CHECK(Message(tokenizer->Decode(Ids{10}).status()) ==
        "token id 10 is beyond the vocabulary of 10");
  StreamDecoder stream(tokenizer);
  CHECK_FALSE(stream.Push(10).ok());
}

TEST_CASE("UTF-8 is read strictly") {
  using Kind = Utf8Char::Kind;
  struct Row {
    const char* bytes;
    Kind kind;
    size_t length;
  };
  const Row table[] = {{"a", Kind::kValid, 1},
                       {"\xC3\xA9", Kind::kValid, 2},
                       {"\xF4\x8F\xBF\xBF", Kind::kValid, 4},
                       {"\xC3", Kind::kIncomplete, 1},
                       {"\xF0\x9F\x98", Kind::kIncomplete, 3},
                       {"\x80", Kind::kInvalid, 1},
                       {"\xC0\x80", Kind::kInvalid, 1},
                       {"\xE0\x80\x80", Kind::kInvalid, 1},
                       {"\xED\xA0\x80", Kind::kInvalid, 1},
                       {"\xF0\x9F\x61", Kind::kInvalid, 2},
                       {"\xF4\x90\x80\x80", Kind::kInvalid, 1},
                       {"\xF5", Kind::kInvalid, 1}};
  for (const Row& row : table) {
    const Utf8Char next = ReadUtf8(row.bytes);
    CHECK(next.kind == row.kind);
    CHECK(next.length == row.length);
  }
}
