#include <doctest/doctest.h>

#include "gonka/engine/engine.h"

namespace gonka::engine {
namespace {

const EngineInfo kInfo = {.vocabulary = 100, .context = 10};

std::string Refusal(const GenerateRequest& request) {
  return Message(CheckRequest(request, kInfo));
}
std::string Refusal(const ScoreRequest& request) {
  return Message(CheckRequest(request, kInfo));
}

TEST_CASE("what can never be generated is refused with the value and its bound") {
  using R = GenerateRequest;
  CHECK(Refusal(R{.prompt = {1, 2, 3}, .tokens_max = 7}) == "");
  CHECK(Refusal(R{.tokens_max = 7}) == "the prompt has no token");
  CHECK(Refusal(R{.prompt = {1}, .tokens_max = 0}) == "tokens_max is 0");
  CHECK(Refusal(R{.prompt = {1, 2, 3}, .tokens_max = 8}) ==
        "a prompt of 3 tokens and tokens_max 8 do not fit the context of 10 tokens");
  CHECK(Refusal(R{.prompt = {1}, .tokens_max = UINT32_MAX}) ==
        "a prompt of 1 tokens and tokens_max 4294967295 do not fit the context of 10 tokens");
  CHECK(Refusal(R{.prompt = {1, 100}, .tokens_max = 1}) ==
        "prompt[1] is token 100, the vocabulary has 100");
  CHECK(Refusal(R{.prompt = {1}, .tokens_max = 1, .top_k_facts = 21}) ==
        "top_k_facts is 21, at most 20");
  CHECK(Refusal(R{.prompt = {1}, .tokens_max = 1, .sampler = {.top_p_ppm = 1'000'001}}) ==
        "top_p_ppm is 1000001, which is not in 0 .. 1000000");
  CHECK(Refusal(R{.prompt = {1}, .tokens_max = 1, .stop_ids = {500}}) ==
        "stop_ids[0] is token 500, the vocabulary has 100");
  CHECK(Refusal(R{.prompt = {1}, .tokens_max = 1, .stop_ids = std::vector<uint32_t>(65)}) ==
        "there are 65 stop_ids, at most 64");
}

TEST_CASE("what can never be scored is refused with the value and its bound") {
  using R = ScoreRequest;
  CHECK(Refusal(R{.tokens = {1, 2, 3}, .output_begin = 1}) == "");
  CHECK(Refusal(R{.tokens = {1, 2, 3}, .output_begin = 0}) ==
        "output_begin is 0, which is not in 1 .. 2 for 3 tokens");
  CHECK(Refusal(R{.tokens = {1, 2, 3}, .output_begin = 3}) ==
        "output_begin is 3, which is not in 1 .. 2 for 3 tokens");
  CHECK(Refusal(R{.tokens = {}, .output_begin = 1}) ==
        "output_begin is 1, which is not in 1 .. -1 for 0 tokens");
  CHECK(Refusal(R{.tokens = std::vector<uint32_t>(11), .output_begin = 1}) ==
        "11 tokens do not fit the context of 10 tokens");
  CHECK(Refusal(R{.tokens = {1, 101}, .output_begin = 1}) ==
        "tokens[1] is token 101, the vocabulary has 100");
}

}  // namespace
}  // namespace gonka::engine
