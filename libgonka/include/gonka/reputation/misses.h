#pragma once

// Missed duties: how many of them are bad luck.

#include <span>

#include "gonka/protocol/genesis.h"

namespace gonka::reputation {

// The most misses in n duties that bad luck explains where each is missed with probability p,
// one-sided 5 %: n for n <= 4, otherwise max(4, floor(np + 1.6448536 * sqrt(np(1 - p)))), never
// above n. Exact; p at most one.
uint32_t MissLimit(uint32_t n, Ppm p);

// Half misses are what two parties share the blame for. All counts include what was carried over
// from earlier epochs.
struct MissCount {
  uint64_t misses_half = 0;
  uint32_t duties = 0;
};

// Of an executor's half misses, those that count where no transfer agent may contribute more than a
// tenth of them: the largest count of which no part but the proven one comes to more than a tenth
// from one transfer agent (a share of 1 / agents where there are fewer than ten who could blame
// it). unproven_half has what each transfer agent claims without a proof.
uint64_t CountedMisses(uint64_t proven_half, std::span<const uint64_t> unproven_half,
                       uint64_t agents);

enum class MissJudgement : uint8_t {
  kTooFewDuties,  // Fewer than miss_sample_min: carry the counts over to the next epoch.
  kBadLuck,
  kBeyondBadLuck,
};
MissJudgement JudgeMisses(const ReputationParams& params, const MissCount& count);

// What pay and reputation are multiplied with: one, unless the misses are beyond bad luck; then the
// part of the duties that was not missed, rounded down.
Ppm Availability(const ReputationParams& params, const MissCount& count);

}  // namespace gonka::reputation
