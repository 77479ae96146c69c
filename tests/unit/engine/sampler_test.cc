#include "gonka/engine/sampler.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>

#include "engine/exact_math.h"
#include "engine/noise.h"

namespace gonka::engine {
namespace {

using Json = nlohmann::json;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Hash SeedOf(uint8_t first) {
  Hash seed;
  seed.bytes[0] = first;
  return seed;
}

uint32_t Bits(float x) {
  return std::bit_cast<uint32_t>(x);
}
uint32_t FromHexWord(const std::string& hex) {
  return static_cast<uint32_t>(std::stoul(hex, nullptr, 16));
}

std::vector<float> LogitsOf(const Json& entry) {
  std::vector<float> logits;
  if (entry.contains("logits_rule")) {
    for (uint32_t i = 0; i < entry["logits_rule"].get<uint32_t>(); ++i) {
      logits.push_back(static_cast<float>((i * 2654435761U) >> 12) / 65536.0f - 8.0f);
    }
    return logits;
  }
  for (const Json& bits : entry["logits"]) {
    logits.push_back(std::bit_cast<float>(FromHexWord(bits.get<std::string>())));
  }
  return logits;
}

SamplerOptions OptionsOf(const Json& entry) {
  SamplerOptions options;
  const Json& given = entry["options"];
  options.temperature_ppm = given.value("temperature_ppm", options.temperature_ppm);
  options.top_p_ppm = given.value("top_p_ppm", options.top_p_ppm);
  options.top_k = given.value("top_k", options.top_k);
  options.min_p_ppm = given.value("min_p_ppm", options.min_p_ppm);
  options.repetition_penalty_ppm =
      given.value("repetition_penalty_ppm", options.repetition_penalty_ppm);
  options.presence_penalty_ppm = given.value("presence_penalty_ppm", options.presence_penalty_ppm);
  options.frequency_penalty_ppm =
      given.value("frequency_penalty_ppm", options.frequency_penalty_ppm);
  if (given.contains("logit_bias")) {
    for (const Json& bias : given["logit_bias"]) options.logit_bias.push_back({bias[0], bias[1]});
  }
  return options;
}

// doc/sampler.md word for word: everything sorted, every logarithm taken.
CheckedDraw NaiveDraw(const std::vector<float>& logits, const SamplerOptions& options,
                      const Hash& seed, uint32_t position, const std::vector<uint32_t>& prompt,
                      const std::vector<uint32_t>& output, uint32_t claimed) {
  std::map<uint32_t, double> x;
  for (uint32_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i]) || logits[i] == -kInfinity) continue;
    x[i] = std::min(logits[i], std::numeric_limits<float>::max());
  }
  for (auto& [id, value] : x) {
    const auto count = std::count(output.begin(), output.end(), id);
    if (count > 0 || std::count(prompt.begin(), prompt.end(), id) > 0) {
      const double repetition = options.repetition_penalty_ppm / 1e6;
      value = value > 0 ? value / repetition : value * repetition;
    }
    if (count > 0) {
      value = value - options.frequency_penalty_ppm / 1e6 * static_cast<double>(count);
      value = value - options.presence_penalty_ppm / 1e6;
    }
    for (const LogitBias& bias : options.logit_bias) {
      if (bias.id == id) value = value + bias.bias_ppm / 1e6;
    }
  }
  const double temperature = options.temperature_ppm == 0 ? 1 : options.temperature_ppm / 1e6;
  std::vector<std::pair<double, uint32_t>> ranks;  // -y, id
  for (const auto& [id, value] : x) ranks.emplace_back(-(value / temperature), id);
  std::sort(ranks.begin(), ranks.end());
  if (options.temperature_ppm != 0 && !ranks.empty()) {
    const double best = -ranks[0].first;
    const auto weight = [&](double negative_y) -> uint64_t {
      const double d = -negative_y - best;
      return d < -600 ? 0 : static_cast<uint64_t>(internal::Exp(d) * 0x1p40);
    };
    if (options.top_k > 0 && options.top_k < ranks.size()) ranks.resize(options.top_k);
    if (options.top_p_ppm < 1'000'000) {
      unsigned __int128 total = 0;
      for (const auto& rank : ranks) total += weight(rank.first);
      unsigned __int128 run = weight(ranks[0].first);
      size_t n = 1;
      while (run * 1'000'000 < total * options.top_p_ppm) run += weight(ranks[n++].first);
      ranks.resize(n);
    }
    std::erase_if(ranks, [&](const auto& rank) {
      return static_cast<unsigned __int128>(weight(rank.first)) * 1'000'000 <
             static_cast<unsigned __int128>(options.min_p_ppm) << 40;
    });
    const internal::Noise noise(seed, position);
    for (auto& [negative_y, id] : ranks) {
      negative_y = -(-negative_y + noise.Gumbel(id, noise.High(id)));
    }
    std::sort(ranks.begin(), ranks.end());
  }
  CheckedDraw drawn{.drawn_id = ranks.empty() ? 0 : ranks[0].second};
  if (claimed == drawn.drawn_id) return drawn;
  drawn.margin = kInfinity;
  for (const auto& [negative_score, id] : ranks) {
    if (id != claimed) continue;
    const double margin = (negative_score - ranks[0].first) * temperature;
    drawn.margin = static_cast<float>(std::min<double>(margin, std::numeric_limits<float>::max()));
  }
  return drawn;
}

struct RandomCase {
  std::vector<float> logits;
  SamplerOptions options;
  std::vector<uint32_t> prompt, output;
  uint32_t claimed = 0;
};

RandomCase MakeRandomCase(std::mt19937& random) {
  const auto below = [&](uint32_t n) { return random() % n; };
  RandomCase made;
  const uint32_t size = 1 + below(below(2) == 0 ? 40 : 3000);
  std::normal_distribution<float> normal(0, static_cast<float>(below(8)) + 0.01f);
  const bool coarse = below(3) == 0;  // Many ties.
  for (uint32_t i = 0; i < size; ++i) {
    const float x = normal(random);
    made.logits.push_back(coarse ? std::round(x) : x);
  }
  if (below(4) == 0) made.logits[below(size)] = kNan;
  if (below(4) == 0) made.logits[below(size)] = -kInfinity;
  if (below(8) == 0) made.logits[below(size)] = kInfinity;
  made.options.temperature_ppm =
      std::array{0U, 100'000U, 700'000U, 1'000'000U, 3'000'000U}[below(5)];
  if (below(2) == 0) made.options.top_p_ppm = below(1'000'001);
  if (below(2) == 0) made.options.top_k = below(size + 2);
  if (below(3) == 0) made.options.min_p_ppm = below(300'000);
  if (below(3) == 0) made.options.repetition_penalty_ppm = 500'000 + below(1'000'000);
  if (below(3) == 0)
    made.options.frequency_penalty_ppm = static_cast<int32_t>(below(900'000)) - 300'000;
  if (below(3) == 0)
    made.options.presence_penalty_ppm = static_cast<int32_t>(below(900'000)) - 300'000;
  for (uint32_t id = below(5); id < size && below(4) != 0; id += 1 + below(300)) {
    made.options.logit_bias.push_back({id, static_cast<int32_t>(below(6'000'000)) - 3'000'000});
  }
  for (uint32_t i = below(30); i > 0; --i) made.prompt.push_back(below(size + 1));
  for (uint32_t i = below(30); i > 0; --i) made.output.push_back(below(size + 1));
  made.claimed = below(size + 1);
  return made;
}

TEST_CASE("every golden vector is reproduced to the bit") {
  std::ifstream file(GONKA_SOURCE_DIR "/tests/golden/sampler.json");
  const Json cases = Json::parse(file)["draws"];
  REQUIRE(cases.size() > 100);
  for (const Json& entry : cases) {
    CAPTURE(entry["name"].get<std::string>());
    const std::vector<float> logits = LogitsOf(entry);
    const Hash seed = FixedFromHex<32>(entry["seed"].get<std::string>()).value();
    const auto prompt = entry["prompt"].get<std::vector<uint32_t>>();
    const auto output = entry["output"].get<std::vector<uint32_t>>();
    const SamplerOptions options = OptionsOf(entry);
    const uint32_t position = entry["position"];
    const CheckedDraw checked = CheckDraw(logits, options, seed, position, prompt, output,
                                          entry["claimed"].get<uint32_t>());
    CHECK(checked.drawn_id == entry["drawn"].get<uint32_t>());
    CHECK(Bits(checked.margin) == FromHexWord(entry["margin"].get<std::string>()));
    CHECK(DrawToken(logits, options, seed, position, prompt, output).id == checked.drawn_id);
  }
}

TEST_CASE("skipping what cannot win changes no draw and no margin") {
  std::mt19937 random(20);
  for (uint32_t round = 0; round < 3000; ++round) {
    const RandomCase c = MakeRandomCase(random);
    const Hash seed = SeedOf(static_cast<uint8_t>(round));
    const CheckedDraw naive =
        NaiveDraw(c.logits, c.options, seed, round, c.prompt, c.output, c.claimed);
    const CheckedDraw drawn =
        CheckDraw(c.logits, c.options, seed, round, c.prompt, c.output, c.claimed);
    CAPTURE(round);
    REQUIRE(drawn.drawn_id == naive.drawn_id);
    REQUIRE(Bits(drawn.margin) == Bits(naive.margin));
  }
}

TEST_CASE("the noise ceiling is above every noise that it stands for") {
  const internal::Noise noise(SeedOf(1), 7);
  for (uint32_t id = 0; id < 200'000; ++id) {
    const uint32_t high = noise.High(id);
    REQUIRE(noise.Gumbel(id, high) <= internal::GumbelCeiling(high));
  }
  for (const uint32_t high : {0U, 1U, 0x7fffffffU, 0x80000000U, 0xfffffffeU, 0xffffffffU}) {
    for (uint32_t id = 0; id < 64; ++id) {
      CHECK(noise.Gumbel(id, high) <= internal::GumbelCeiling(high));
    }
  }
}

TEST_CASE("noise by the vector is noise by the word") {
  const internal::Noise noise(SeedOf(3), 11);
  std::array<uint32_t, 2 * internal::Noise::kLanes> highs;
  noise.Highs(4 * internal::Noise::kLanes, highs);
  for (uint32_t i = 0; i < highs.size(); ++i) {
    CHECK(highs[i] == noise.High(4 * internal::Noise::kLanes + i));
  }
}

TEST_CASE("Philox gives its published answers") {
  using internal::Philox;
  using internal::PhiloxBlock;
  CHECK(Philox({0, 0, 0, 0}, 0, 0) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("tokens are drawn as often as softmax says") {
  const std::vector<float> logits = {0.0f, 1.0f, 2.0f, -1.0f};
  constexpr int kDraws = 40'000;
  for (const uint32_t temperature_ppm : {500'000U, 1'000'000U, 2'000'000U}) {
    std::array<int, 4> seen{};
    const SamplerOptions options{.temperature_ppm = temperature_ppm};
    for (int n = 0; n < kDraws; ++n) {
      ++seen[DrawToken(logits, options, SeedOf(9), static_cast<uint32_t>(n), {}, {}).id];
    }
    double sum = 0;
    for (const float x : logits) sum += std::exp(x / (temperature_ppm / 1e6));
    for (size_t i = 0; i < logits.size(); ++i) {
      const double p = std::exp(logits[i] / (temperature_ppm / 1e6)) / sum;
      const double sigma = std::sqrt(p * (1 - p) * kDraws);
      CHECK(std::abs(seen[i] - p * kDraws) < 4.5 * sigma);
    }
  }
}

TEST_CASE("a margin is what noise in the logits would have to bridge, at any temperature") {
  // Raising the claimed logit by a little more than its margin makes it the draw.
  const std::vector<float> logits = {0.5f, 1.0f, 0.25f, 0.75f};
  for (const uint32_t temperature_ppm : {0U, 200'000U, 1'000'000U, 1'800'000U}) {
    const SamplerOptions options{.temperature_ppm = temperature_ppm};
    for (uint32_t claimed = 0; claimed < 4; ++claimed) {
      const CheckedDraw checked = CheckDraw(logits, options, SeedOf(2), 0, {}, {}, claimed);
      if (claimed == checked.drawn_id) continue;
      CHECK(checked.margin > 0);
      std::vector<float> raised = logits;
      raised[claimed] += checked.margin + 1e-5f;
      CHECK(DrawToken(raised, options, SeedOf(2), 0, {}, {}).id == claimed);
      raised[claimed] = logits[claimed] + checked.margin - 1e-5f;
      CHECK(DrawToken(raised, options, SeedOf(2), 0, {}, {}).id == checked.drawn_id);
    }
  }
}

TEST_CASE("options out of range are refused by name and value") {
  const auto refusal = [](SamplerOptions options) {
    return Message(CheckSamplerOptions(options, 100));
  };
  CHECK(CheckSamplerOptions({}, 100).ok());
  CHECK(CheckSamplerOptions({.temperature_ppm = 0, .top_p_ppm = 0, .top_k = 5000}, 100).ok());
  CHECK(refusal({.temperature_ppm = 100'000'001}) ==
        "temperature_ppm is 100000001, which is not in 0 .. 100000000");
  CHECK(refusal({.top_p_ppm = 1'000'001}) == "top_p_ppm is 1000001, which is not in 0 .. 1000000");
  CHECK(refusal({.min_p_ppm = 1'000'001}) == "min_p_ppm is 1000001, which is not in 0 .. 1000000");
  CHECK(refusal({.repetition_penalty_ppm = 0}) ==
        "repetition_penalty_ppm is 0, which is not in 10000 .. 100000000");
  CHECK(refusal({.presence_penalty_ppm = INT32_MIN}) ==
        "presence_penalty_ppm is -2147483648, which is not in -100000000 .. 100000000");
  CHECK(refusal({.logit_bias = {{100, 0}}}) ==
        "logit_bias names token 100, the vocabulary has 100");
  CHECK(refusal({.logit_bias = {{7, 0}, {7, 1}}}) == "logit_bias is not ascending at token 7");
  CHECK(refusal({.logit_bias = {{7, 2'000'000'000}}}) ==
        "logit_bias_ppm is 2000000000, which is not in -1000000000 .. 1000000000");
  CHECK(refusal({.logit_bias = std::vector<LogitBias>(1025)}) ==
        "logit_bias has 1025 entries, at most 1024 are taken");
}

}  // namespace
}  // namespace gonka::engine
