// How requests share an engine of this process: order, memory, cancellation, refusals.

#include <atomic>
#include <cmath>
#include <thread>

#include "exact/logits.h"
#include "exact/tiny.h"

namespace gonka::engine {
namespace {

GenerateRequest Request(uint8_t seed, uint32_t tokens_max = 40) {
  return {.prompt = SomeTokens(5 + seed * 7U % 60, 2048, seed),
          .tokens_max = tokens_max,
          .top_k_facts = 5,
          .sampling_seed = SeedOf(seed)};
}

TEST_CASE("a stop id ends the answer and belongs to it") {
  const auto engine = TinyEngine();
  GenerateRequest request = Request(6, 100);
  const Answer free = Ask(*engine, request);
  request.stop_ids = {free.tokens[9].id};
  const Answer stopped = Ask(*engine, request);
  CHECK(stopped.end.value() == FinishReason::kStop);
  CHECK(stopped.tokens.back().id == free.tokens[9].id);
  CHECK(stopped.tokens.size() <= 10);
}

TEST_CASE("a cancelled answer ends within a step, whether it runs or waits") {
  const auto engine = TinyEngine({.running_max = 1});
  // The event thread cancels its own request at the third token, so the count is exact.
  std::promise<size_t> ended;
  size_t count = 0;
  std::atomic<Engine::RequestId> id = 0;
  id = engine->Generate(Request(1, 450), {.on_token =
                                              [&](const TokenFacts&) {
                                                while (id == 0) std::this_thread::yield();
                                                if (++count == 3) engine->Cancel(id);
                                              },
                                          .on_done =
                                              [&](absl::StatusOr<FinishReason> end) {
                                                CHECK(end.value() == FinishReason::kCancelled);
                                                ended.set_value(count);
                                              }});
  Pending waiting(*engine, Request(2, 450));
  engine->Cancel(waiting.id());
  CHECK(waiting.get().end.value() == FinishReason::kCancelled);
  CHECK(ended.get_future().get() == 3);
  engine->Cancel(12345);
  CHECK(Ask(*engine, Request(2, 3)).tokens.size() == 3);
}

TEST_CASE("a cancelled Score ends as Cancelled") {
  const auto engine = TinyEngine({.chunk_alone = 1});
  ScoreRequest score{.tokens = std::vector<uint32_t>(500, 7), .output_begin = 1};
  std::promise<absl::Status> done;
  const auto id =
      engine->Score(score, {.on_done = [&](auto scored) { done.set_value(scored.status()); }});
  engine->Cancel(id);
  CHECK(done.get_future().get().code() == absl::StatusCode::kCancelled);
}

TEST_CASE("what can never be served is refused before any work") {
  const auto engine = TinyEngine({.kv_bytes_max = 1'000'000});
  const uint32_t context = engine->Info().context;
  CHECK(Message(Ask(*engine, {.prompt = {1}, .tokens_max = context}).end.status())
            .find("do not fit") != std::string::npos);
  const absl::Status large = Ask(*engine, {.prompt = {1}, .tokens_max = context - 1}).end.status();
  CHECK(large.code() == absl::StatusCode::kInvalidArgument);
  CHECK(Message(large).find("this engine has 1000000") != std::string::npos);
  CHECK(ScoreOf(*engine, {.tokens = {1, 99999}, .output_begin = 1}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(engine->CurrentLoad().steps == 0);
}

TEST_CASE("a full queue refuses, and what was queued is served") {
  const auto engine = TinyEngine({.running_max = 1, .waiting_max = 2});
  std::vector<Pending> pending;
  for (uint8_t i = 0; i < 12; ++i) pending.emplace_back(*engine, Request(i, 100));
  size_t served = 0, refused = 0;
  for (Pending& one : pending) {
    const Answer answer = one.get();
    served += answer.end.ok();
    if (!answer.end.ok()) {
      CHECK(answer.end.status().code() == absl::StatusCode::kResourceExhausted);
      CHECK(Message(answer.end.status()) == "2 requests are waiting, at most 2");
      ++refused;
    }
  }
  CHECK(served >= 2);
  CHECK(refused >= 1);
}

TEST_CASE("requests wait for KV memory instead of exceeding it") {
  const auto free = TinyEngine();
  const GenerateRequest request = Request(1, 50);
  Ask(*free, request);
  // Room for one such request and a half; keys and values come in pages of 64 tokens.
  const auto& config = Tiny()->config();
  const uint64_t page = 64 * 8ULL * config.layers * config.kv_heads * config.head_dim;
  const uint64_t one = page * ((request.prompt.size() + 49 + 63) / 64);
  const auto engine = TinyEngine({.kv_bytes_max = one + one / 2});
  std::vector<Pending> pending;
  for (int i = 0; i < 4; ++i) pending.emplace_back(*engine, request);
  for (Pending& p : pending) {
    CHECK(p.get().tokens.size() == 50);
    CHECK(engine->CurrentLoad().running <= 1);
  }
}

TEST_CASE("a Score goes on while an answer is written, and neither starves") {
  const auto engine = TinyEngine({.chunk_beside_answers = 4});
  Pending answer(*engine, Request(1, 400));
  ScoreRequest score{.tokens = std::vector<uint32_t>(200, 7), .output_begin = 1};
  CHECK(ScoreOf(*engine, score).value().size() == 199);
  // 199 tokens in chunks of 4 beside an answer: it had at most as many steps as there were chunks.
  CHECK(engine->CurrentLoad().tokens_drawn <= engine->CurrentLoad().steps);
  CHECK(answer.get().tokens.size() == 400);
}

TEST_CASE("destroying the engine ends what runs and what waits") {
  auto engine = TinyEngine({.running_max = 1});
  Pending running(*engine, Request(1, 450)), waiting(*engine, Request(2, 450));
  engine.reset();
  CHECK(running.get().end.value() == FinishReason::kCancelled);
  CHECK(waiting.get().end.value() == FinishReason::kCancelled);
}

TEST_CASE("weights that are not numbers fail the request, not the process") {
  const auto engine = TinyEngine({.weight_hook = [](std::string_view tensor, auto, auto values) {
    if (tensor == "output_norm.weight") values[0] = std::nanf("");
    return absl::OkStatus();
  }});
  const absl::Status status = Ask(*engine, Request(1, 5)).end.status();
  CHECK(status.code() == absl::StatusCode::kInternal);
  CHECK(Message(status).find("not finite") != std::string::npos);
}

TEST_CASE("an engine that cannot be made says why") {
  CHECK(Message(MakeExactEngine(Tiny(), {.threads = 0}).status()) == "threads is 0, at least 1");
  const auto refusing = [](std::string_view tensor, auto, auto) {
    return absl::InvalidArgumentError("I do not like " + std::string(tensor));
  };
  CHECK(Message(MakeExactEngine(Tiny(), {.weight_hook = refusing}).status()) ==
        "I do not like token_embd.weight");
}

TEST_CASE("instruction sets are told, and others refused") {
  const std::vector<std::string> sets = InstructionSets();
  REQUIRE(!sets.empty());
  CHECK(sets.back() == "scalar");
  CHECK(MakeExactEngine(Tiny(), {}, sets.back()).ok());
  CHECK(Message(MakeExactEngine(Tiny(), {}, "mmx").status()).find("cannot run mmx, only ") !=
        std::string::npos);
}

TEST_CASE("the kernel class says cpu-exact/1 and the precision of the matrices") {
  const std::vector<std::pair<Precision, std::string>> classes = {
      {Precision::kFile, "cpu-exact/1:file"},
      {Precision::kFp32, "cpu-exact/1:f32"},
      {Precision::kBf16, "cpu-exact/1:bf16"},
      {Precision::kInt8, "cpu-exact/1:int8"}};
  for (const auto& [precision, name] : classes) {
    CHECK(TinyEngine({.precision = precision})->Info().kernel_class == name);
  }
}

}  // namespace
}  // namespace gonka::engine
