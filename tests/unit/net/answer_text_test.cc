#include "gonka/net/answer_text.h"

#include <doctest/doctest.h>

#include "gonka/model/checkpoint.h"

namespace gonka::net {
namespace {

std::shared_ptr<const model::Tokenizer> Tiny() {
  static const auto tokenizer = [] {
    const auto checkpoint =
        model::Checkpoint::Open(std::string(GONKA_SOURCE_DIR) + "/examples/tiny/tiny.gguf");
    REQUIRE(checkpoint.ok());
    auto loaded = (*checkpoint)->LoadTokenizer();
    REQUIRE(loaded.ok());
    return *loaded;
  }();
  return tokenizer;
}

std::vector<uint32_t> Ids(const std::string& text) {
  const auto ids = Tiny()->Encode(text, false);
  REQUIRE(ids.ok());
  return *ids;
}

struct Shown {
  std::vector<std::string> pieces;
  std::vector<ShownToken> tokens;
  std::string text() const {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  }
};

// Token by token, as a stream shows it.
Shown Show(const std::vector<uint32_t>& ids, const std::vector<std::string>& stop,
           bool by_token = false) {
  AnswerText answer(Tiny(), stop, true);
  Shown shown;
  const auto add = [&](TextPiece piece) {
    shown.pieces.push_back(piece.text);
    for (const ShownToken& token : piece.tokens) shown.tokens.push_back(token);
  };
  for (const uint32_t id : ids) {
    node::ProducedToken token;
    token.id = id;
    REQUIRE(answer.Push(token).ok());
    add(answer.Take());
  }
  add(answer.Finish(by_token));
  return shown;
}

TEST_CASE("without stop strings every token's text is shown at once") {
  const std::string text = "Emma was handsome, clever, and rich.";
  const Shown shown = Show(Ids(text), {});
  CHECK(shown.text() == text);
  CHECK(shown.tokens.size() == Ids(text).size());
  CHECK(shown.pieces.size() == Ids(text).size() + 1);
  CHECK_FALSE(shown.pieces[0].empty());
  CHECK(shown.pieces.back().empty());
}

TEST_CASE("a character is never cut, and an unfinished one becomes the replacement character") {
  const std::vector<uint32_t> ids = Ids("a€b");  // The euro sign is three bytes, byte tokens here.
  const Shown shown = Show(ids, {});
  CHECK(shown.text() == "a€b");
  for (const std::string& piece : shown.pieces) CHECK(piece.find("\xEF\xBF\xBD") == piece.npos);
  REQUIRE(ids.size() == 5);
  CHECK(Show({ids[0], ids[1], ids[2]}, {}).text() == "a\xEF\xBF\xBD");
}

TEST_CASE("the text ends before a stop string, wherever tokens end") {
  struct Row {
    const char* text;
    std::vector<std::string> stop;
    const char* shown;
  };
  const Row table[] = {
      {"one two three", {"two"}, "one "},
      {"one two three", {" t"}, "one"},
      {"one two three", {"x", "ee"}, "one two thr"},
      {"one two three", {"one"}, ""},
      {"one two three", {"four"}, "one two three"},
      {"aaab", {"ab"}, "aa"},
      {"one two three", {"two", "wo t"}, "one "},
      {"ein Stück", {"ü"}, "ein St"},
      {"one\n\nUser: hi", {"\nUser:", "\n\n"}, "one"},
  };
  for (const Row& row : table) {
    CAPTURE(row.text);
    CHECK(Show(Ids(row.text), row.stop).text() == row.shown);
  }
}

TEST_CASE("what may become a stop string is held back, and shown when it did not") {
  AnswerText answer(Tiny(), std::vector<std::string>{"abc!"}, false);
  const auto push = [&](const std::string& text) {
    for (const uint32_t id : Ids(text)) {
      node::ProducedToken token;
      token.id = id;
      REQUIRE(answer.Push(token).ok());
    }
    return answer.Take().text;
  };
  CHECK(push("xa") == "x");
  CHECK(push("b") == "");
  CHECK(push("c") == "");
  CHECK(push("ab") == "abc");
  CHECK_FALSE(answer.stopped());
  CHECK(push("c!more") == "");
  CHECK(answer.stopped());
  CHECK(push("and more") == "");
  CHECK(answer.Finish(false).text == "");
}

TEST_CASE("tokens come with their text, and those behind the end do not come at all") {
  const std::vector<uint32_t> ids = Ids("one two three");
  const Shown all = Show(ids, {});
  REQUIRE(all.tokens.size() == ids.size());
  CHECK(all.tokens[0].text_offset == 0);
  uint64_t last = 0;
  for (const ShownToken& token : all.tokens) {
    CHECK(token.text_offset >= last);
    last = token.text_offset;
  }
  const Shown cut = Show(ids, {"two"});
  CHECK(cut.tokens.size() < ids.size());
  for (const ShownToken& token : cut.tokens) CHECK(token.text_offset < 4);

  // The token that ends an answer is no part of what is shown.
  std::vector<uint32_t> ended = ids;
  ended.push_back(Tiny()->end_ids().front());
  CHECK(Show(ended, {}, true).tokens.size() == ids.size());
  CHECK(Show(ended, {}, true).text() == "one two three");
}

TEST_CASE("offsets count characters, not bytes") {
  const Shown shown = Show(Ids("€€a"), {});
  CHECK(shown.tokens.back().text_offset == 2);
  CHECK(CountCharacters("€€a") == 3);
}

TEST_CASE("an id that no tokenizer knows is refused") {
  AnswerText answer(Tiny(), {}, false);
  node::ProducedToken token;
  token.id = Tiny()->vocab();
  CHECK(absl::IsInvalidArgument(answer.Push(token)));
}

}  // namespace
}  // namespace gonka::net
