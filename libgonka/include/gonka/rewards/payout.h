#pragma once

// Who gets which part of an epoch's emission, and what is withheld for which reason.

#include <cstdint>
#include <span>
#include <vector>

#include "gonka/base/amount.h"

namespace gonka::rewards {

// pool * weight / total each, rounded down; the remainder goes to the treasury. All of the pool is
// the remainder where the total is zero. The weights must sum to less than 2^64.
struct ProRata {
  std::vector<Amount> parts;
  Amount remainder;
};
ProRata SplitProRata(Amount pool, std::span<const uint64_t> weights);

struct PayoutInput {
  Amount emission;                // Of the whole epoch.
  uint64_t weight = 0;            // Proven.
  uint64_t effective_weight = 0;  // Capped; at most weight.
  uint64_t total_weight = 0;      // Proven weight of all members, convicts included; below 2^63.
  Ppm availability{Ppm::kOne};    // reputation::Availability.
  uint64_t work = 0;              // Its tokens, checks counted as work.
  uint64_t total_work = 0;        // Of all members.
  bool convicted = false;
  Ppm present{Ppm::kOne};  // Part of the epoch in which it was not announced to be away.
};

// paid and what is withheld sum to floor(emission * weight / total_weight).
struct Payout {
  Amount paid;
  Amount withheld_conviction;
  Amount withheld_availability;
  Amount withheld_work_share;
  Amount withheld_weight_cap;
  Amount withheld_maintenance;
};

// emission * effective weight / total weight * present * availability * min(1, work / fair), where
// fair is half of its effective weight's share of the work, times present. Every product rounds
// down, fair too (in the participant's favour). With no work to be had at all, nothing is withheld
// for it. Zero where the total weight is zero.
Payout PayoutOf(const PayoutInput& input);

}  // namespace gonka::rewards
