#include <cmath>

#include "gonka/model/tokenizer.h"
#include "torch/tiny.h"

namespace gonka::engine {
namespace {

constexpr const char* kQuestion =
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
    "<|im_start|>assistant\n";

TEST_CASE("SmolLM2 knows the capital of France, and its Score confirms the answer") {
  const char* path = std::getenv("GONKA_SMOLLM2");
  if (path == nullptr) {
    MESSAGE("skipped: GONKA_SMOLLM2 is not set");
    return;
  }
  const auto checkpoint = model::Checkpoint::Open(path).value();
  const auto tokenizer = checkpoint->LoadTokenizer().value();
  const auto engine = MakeTorchEngine(checkpoint, {}).value();
  GenerateRequest request{.prompt = tokenizer->Encode(kQuestion, true).value(),
                          .tokens_max = 32,
                          .top_k_facts = 5,
                          .sampler = {.temperature_ppm = 0},
                          .stop_ids = tokenizer->end_ids()};
  const Answer greedy = Ask(*engine, request);
  CHECK(greedy.end.value() == FinishReason::kStop);
  const std::string text = tokenizer->Decode(greedy.Ids()).value();
  CHECK_MESSAGE(text.find("Paris") != std::string::npos, text);

  request.sampler = {};
  const Answer answer = Ask(*engine, request);
  const auto scored = ScoreOf(*engine, Checking(request, answer)).value();
  REQUIRE(scored.size() == answer.tokens.size());
  for (size_t i = 0; i < scored.size(); ++i) {
    CHECK(std::abs(scored[i].facts.logprob - answer.tokens[i].logprob) < 1e-4);
    CHECK(scored[i].margin < 1e-4);
  }
}

}  // namespace
}  // namespace gonka::engine
