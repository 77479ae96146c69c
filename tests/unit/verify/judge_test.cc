#include "gonka/verify/judge.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "gonka/verify/evidence.h"
#include "unit/verify/pseudo_model.h"

namespace gonka::verify {
namespace {

using engine::ScriptedOptions;

const ChannelReport& ReportOf(const Judgement& judgement, Channel channel) {
  for (const ChannelReport& report : judgement.channels) {
    if (report.channel == channel) return report;
  }
  FAIL("no such channel");
  return judgement.channels.front();
}

struct Tally {
  uint32_t answers = 0;
  uint32_t failed = 0;
  uint32_t failed_by_deviation = 0;
  uint32_t failed_by_margin = 0;
  double mean_e_value = 0;  // Of what the ledger would get.
  double highest_log_evidence = -1e9;
};

template <class MakeServed>
Tally Judge(uint32_t answers, const ScriptedOptions& verifier, MakeServed make) {
  Tally tally{.answers = answers};
  for (uint32_t i = 0; i < answers; ++i) {
    const Judgement judgement = CheckServed(make(i), verifier);
    tally.failed += judgement.outcome == Outcome::kFail;
    tally.mean_e_value += std::exp(judgement.evidence_millinats / 1000.0) / answers;
    const ChannelReport& deviation = ReportOf(judgement, Channel::kDeviation);
    const ChannelReport& margin = ReportOf(judgement, Channel::kMargin);
    tally.failed_by_deviation += deviation.failed;
    tally.failed_by_margin += margin.failed;
    tally.highest_log_evidence =
        std::max({tally.highest_log_evidence, deviation.log_evidence, margin.log_evidence});
  }
  return tally;
}

TEST_CASE("an honest executor on another machine is never blamed") {
  for (const float noise : {0.0f, 1e-6f, 1e-4f, 1e-3f, 5e-3f}) {
    CAPTURE(noise);
    const Tally tally = Judge(60, PseudoModel(noise, 99), [&](uint32_t i) {
      const ScriptedOptions executor = PseudoModel(noise, 7);
      return Serve(executor, executor, i, 16 + i);
    });
    CHECK(tally.failed == 0);
    CHECK(tally.highest_log_evidence < 3);
    CHECK(tally.mean_e_value <= 1);
  }
}

TEST_CASE("short answers do not fail by accident, even on a bad machine") {
  for (uint32_t tokens = 1; tokens <= 8; ++tokens) {
    const Tally tally = Judge(40, PseudoModel(0.01f, 99), [&](uint32_t i) {
      const ScriptedOptions executor = PseudoModel(0.01f, 7);
      return Serve(executor, executor, i, tokens);
    });
    CHECK(tally.failed == 0);
  }
}

TEST_CASE("a rougher copy of the model fails by its log-probabilities within 24 tokens") {
  for (const float noise : {0.1f, 0.3f, 1.0f}) {
    CAPTURE(noise);
    const Tally tally = Judge(40, PseudoModel(1e-4f, 99), [&](uint32_t i) {
      const ScriptedOptions cheap = PseudoModel(noise, 7);
      return Serve(cheap, cheap, i, 24);
    });
    CHECK(tally.failed_by_deviation == tally.answers);
  }
}

TEST_CASE("a forged artifact is perfect, and the draws give it away") {
  const Tally tally = Judge(40, PseudoModel(1e-4f, 99), [&](uint32_t i) {
    return Serve(PseudoModel(0, 1, 2), PseudoModel(1e-4f, 7), i, 32);
  });
  CHECK(tally.failed_by_deviation == 0);
  CHECK(tally.failed_by_margin == tally.answers);
}

TEST_CASE("a copy that writes and a right model that proves it are caught by the draws") {
  const Tally tally = Judge(40, PseudoModel(1e-4f, 99), [&](uint32_t i) {
    return Serve(PseudoModel(1.0f, 5), PseudoModel(1e-4f, 7), i, 48);
  });
  CHECK(tally.failed_by_deviation == 0);
  CHECK(tally.failed_by_margin == tally.answers);
}

TEST_CASE("the right model with another seed or temperature fails") {
  struct Row {
    const char* what;
    uint32_t temperature_ppm;
    bool other_seed;
  };
  for (const Row& row : {Row{"seed", 1'000'000, true}, Row{"hot", 1'300'000, false},
                         Row{"cold", 700'000, false}, Row{"greedy", 0, false}}) {
    CAPTURE(std::string(row.what));
    const Tally tally = Judge(40, PseudoModel(1e-4f, 99), [&](uint32_t i) {
      Answer request = PseudoRequest(i, 48);
      Answer altered = request;
      altered.sampler.temperature_ppm = row.temperature_ppm;
      if (row.other_seed) altered.sampling_seed = Hash{};
      request.output = Write(PseudoModel(), altered, 48);
      return Prove(PseudoModel(), request);
    });
    CHECK(tally.failed_by_deviation == 0);
    CHECK(tally.failed_by_margin == tally.answers);
  }
}

TEST_CASE("an answer that starts honestly and goes on cheaply fails") {
  const Tally tally = Judge(20, PseudoModel(), [&](uint32_t i) {
    Answer answer = PseudoRequest(i, 128);
    answer.output = Write(PseudoModel(), answer, 64);
    Answer rest = answer;
    rest.prompt.insert(rest.prompt.end(), answer.output.begin(), answer.output.end());
    const std::vector<uint32_t> cheap = Write(PseudoModel(0, 1, 2), rest, 64);
    answer.output.insert(answer.output.end(), cheap.begin(), cheap.end());
    return Prove(PseudoModel(), answer);
  });
  CHECK(tally.failed_by_margin == tally.answers);
}

TEST_CASE("values that hide the difference do not help: left-out and flat entries count against") {
  const Answer answer = [] {
    Answer request = PseudoRequest(1, 32);
    request.output = Write(PseudoModel(), request, 32);
    return request;
  }();
  std::vector<engine::TokenFacts> facts = Facts(PseudoModel(), answer);
  const std::vector<engine::ScoredToken> scores = Score(PseudoModel(), answer);
  const auto judged = [&] {
    const auto artifact = BuildArtifact(facts, answer.shape);
    REQUIRE(artifact.ok());
    Served served{answer, *artifact};
    served.answer.artifact_root = ArtifactRoot(*artifact, answer.output);
    return CheckServed(served, PseudoModel());
  };
  CHECK(judged().outcome == Outcome::kPass);
  for (engine::TokenFacts& token : facts) {
    // The likeliest id is left out wherever it was not the chosen one.
    if (token.id != token.top.front().id) token.top.erase(token.top.begin());
  }
  CHECK(judged().outcome == Outcome::kFail);
}

TEST_CASE("the verdict explains itself") {
  const Served honest = Serve(PseudoModel(), PseudoModel(), 1, 40);
  const Judgement pass = CheckServed(honest, PseudoModel());
  CHECK(pass.text.find("PASS") == 0);
  CHECK(pass.text.find("Is it a whole answer? Yes.") != std::string::npos);
  CHECK(pass.text.find("Of 40 tokens the sampling seed draws 40, all as the seed says.") !=
        std::string::npos);
  CHECK(pass.evidence_millinats < 0);
  CHECK(pass.evidence_millinats >= kEvidenceMinMillinats);

  const Judgement fail =
      CheckServed(Serve(PseudoModel(1.0f), PseudoModel(1.0f), 1, 40), PseudoModel());
  CHECK(fail.text.find("FAIL") == 0);
  CHECK(fail.text.find("x log-probabilities: Was the right model run? Over 40 tokens") !=
        std::string::npos);
  CHECK(fail.evidence_millinats == kEvidenceMaxMillinats);
}

TEST_CASE("structure is judged without statistics") {
  const std::vector<uint32_t> stop_ids{2};
  struct Row {
    std::vector<uint32_t> output;
    FinishCode finish;
    bool stop_string;
    const char* fault;
  };
  const std::vector<Row> table{
      {{5, 6, 7}, FinishCode::kLength, false, ""},
      {{5, 2}, FinishCode::kStop, false, ""},
      {{5, 6}, FinishCode::kStop, true, ""},
      {{5, 6}, FinishCode::kCancelled, false, ""},
      {{}, FinishCode::kCancelled, false, ""},
      {{}, FinishCode::kStop, false, "the answer is empty"},
      {{5, 6},
       FinishCode::kStop,
       false,
       "the answer is said to have stopped, but ends with neither stop token nor stop string"},
      {{5, 6},
       FinishCode::kLength,
       false,
       "the answer is said to have reached its length after 2 of 3 tokens"},
      {{5, 2, 6},
       FinishCode::kLength,
       false,
       "the answer goes on after the stop token 2 at position 1"},
      {{5, 6, 7, 8}, FinishCode::kLength, false, "the answer has 4 tokens where 3 were asked for"},
      {{5, 100, 7}, FinishCode::kLength, false, "output token 1 is id 100 of a vocabulary of 100"},
  };
  for (const Row& row : table) {
    const Structure structure{.output = row.output,
                              .finish = row.finish,
                              .tokens_max = 3,
                              .vocabulary = 100,
                              .stop_ids = stop_ids,
                              .ends_with_stop_string = row.stop_string};
    CHECK(StructureFault(structure).value_or("") == row.fault);
    const Judgement judgement = JudgeStructure(structure);
    CHECK((judgement.outcome == Outcome::kFail) == (row.fault[0] != 0));
    CHECK(judgement.evidence_millinats == (row.fault[0] != 0 ? kEvidenceMaxMillinats : 0));
  }
}

TEST_CASE("an answer that stops where the seed goes on was cut short") {
  const std::vector<uint32_t> output{5, 2};
  const std::vector<uint32_t> stop_ids{2};
  const Structure structure{.output = output,
                            .finish = FinishCode::kStop,
                            .tokens_max = 9,
                            .vocabulary = 100,
                            .stop_ids = stop_ids};
  const auto fault = [&](float margin, float logprob) {
    engine::ScoredToken last;
    last.facts.logprob = logprob;
    last.drawn_id = 7;
    last.margin = margin;
    return StopFault(structure, last).has_value();
  };
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK_FALSE(fault(0, -1));
  CHECK_FALSE(fault(0.05f, -1));
  CHECK(fault(1.5f, -1));
  CHECK_FALSE(fault(infinity, -1));  // At the filter's edge rounding decides.
  CHECK(fault(infinity, -9));
}

TEST_CASE("deviation takes out the common shift and counts no more than is certain") {
  const ArtifactToken stated{.id = 1, .steps = 32, .top = {{1, 32}, {2, 64}}};
  const auto score = [](std::vector<engine::TopEntry> top) {
    engine::ScoredToken scored;
    scored.facts = {.id = 1, .logprob = top.front().logprob, .top = std::move(top)};
    return scored;
  };
  CHECK(Deviation(stated, score({{1, -1}, {2, -2}}), 2) == doctest::Approx(0));
  CHECK(Deviation(stated, score({{1, -1.2f}, {2, -2.2f}}), 2) == doctest::Approx(0).epsilon(1e-6));
  // Residuals 0 and -0.5.
  CHECK(Deviation(stated, score({{1, -1}, {2, -1.5f}}), 2) == doctest::Approx(0.25));
  // 3 is not stated: it may be anything up to e^-2, so a recomputed e^-2.1 agrees with it; 2 is not
  // among the recomputed and may be anything up to e^-2.1, so 0.1 of it is certain.
  CHECK(Deviation(stated, score({{1, -1}, {3, -2.1f}}), 2) ==
        doctest::Approx((0.1 - 0.1 / 3 + 2 * 0.1 / 3) / 3).epsilon(1e-5));
}

}  // namespace
}  // namespace gonka::verify
