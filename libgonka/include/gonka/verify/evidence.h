#pragma once

// How much an answer says against its executor, as an e-value: a number whose expectation under
// honesty is at most 1, so that a product over answers exceeds 1/a with probability at most a, no
// matter when one looks.
//
// A channel gives every token a score >= 0 whose expectation, given all that came before, is at
// most 1 for an honest executor (channels.h). Betting a fraction f of one's stake against that
// gains the factor 1 + f (score - 1) per token, and no honest executor can make that grow. The
// stake is spread over a few fractions, and over where the cheating is: half of it on the whole
// answer, half evenly on its runs of 1, 2, 4, ... leaves, which catches an answer that is cheap in
// a part of it.

#include <cstdint>
#include <span>

namespace gonka::verify {

// Natural log of the e-value of a channel's scores, in order; 0 without scores. leaf_tokens is how
// many scores make a leaf.
double LogEvidence(std::span<const double> scores, uint32_t leaf_tokens);

// Of the mean of e-values, which needs no independence between them. 0 for none.
double LogMean(std::span<const double> log_evidence);

inline constexpr int32_t kEvidenceMinMillinats = -500;
inline constexpr int32_t kEvidenceMaxMillinats = 3'912;
// Bounded for the ledger: e' = m + (1 - m) min(e, c) with m = e^-0.5 and c such that e' <= 50. The
// expectation stays at most 1 because that of min(e, c) does; rounded down.
int32_t BoundedMillinats(double log_evidence);

// Evidence of several answers: their sum, each clipped to the bounds again. Saturates at int32.
int32_t SumMillinats(std::span<const int32_t> answers);

}  // namespace gonka::verify
