#pragma once

// Turns what the channels saw into sentences.

#include <string>
#include <vector>

#include "gonka/verify/judge.h"

namespace gonka::verify::internal {

// One token's part in a channel.
struct ScoredPosition {
  uint32_t position = 0;
  double raw = 0;    // Deviation in nats, or margin in nats (may be infinite).
  double bound = 0;  // What raw's honest mean stays below, in nats.
  double score = 0;  // See channels.h.
};

std::string ExplainDeviation(const std::vector<ScoredPosition>& tokens, const ChannelReport& report,
                             double fail_nats);
std::string ExplainMargin(const std::vector<ScoredPosition>& tokens, const ChannelReport& report,
                          std::span<const engine::ScoredToken> scores, double fail_nats);
// The whole judgement's text out of its channels' texts.
std::string ExplainAll(const Judgement& judgement);

}  // namespace gonka::verify::internal
