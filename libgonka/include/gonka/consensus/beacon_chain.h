#pragma once

// The links that a proposer reveals for the beacon: hash chains grown from one secret seed. The end
// of a chain is committed to on the ledger, and its links are revealed last first, so nobody can
// tell the next one, and the proposer cannot choose it.
//
//   value(g, 0) = H(seed, g);  value(g, k + 1) = BeaconChainStep(value(g, k));  end = value(g,
//   length)
//
// When one chain runs low, the end of the next generation is committed (CommitBeacon) and takes
// over at an epoch's start. Where the proposer stands is read from the ledger (its chain_head), so
// nothing is stored. Keeps about 2 x sqrt(length) hashes. One thread at a time.

#include <optional>
#include <vector>

#include "gonka/base/bytes.h"
#include "gonka/base/status.h"

namespace gonka::consensus {

class BeaconChain {
 public:
  static constexpr uint32_t kDefaultLength = 65'536;

  // length from 1 to 2^24.
  explicit BeaconChain(const FixedBytes<32>& seed, uint32_t length = kDefaultLength);

  uint32_t length() const { return length_; }
  uint64_t generation() const { return generation_; }
  // The end of a generation's chain; generation 0's goes into genesis. Costs length hashes.
  Hash End(uint64_t generation) const;

  // The link that comes before head, which is a revealed link or a committed end of one of our
  // chains. kResourceExhausted where head is the first value of its chain; kFailedPrecondition
  // where it is in none of kGenerationsMax chains. Fast where head is the link given last.
  absl::StatusOr<Hash> LinkBefore(const Hash& head);
  // How many links are left before head; the same errors but for kResourceExhausted.
  absl::StatusOr<uint32_t> Remaining(const Hash& head);

  // Where a search for an unknown head begins; worth telling after years (length hashes for every
  // generation).
  void SearchFrom(uint64_t generation) { search_from_ = generation; }
  static constexpr uint64_t kGenerationsMax = 256;

 private:
  Hash First(uint64_t generation) const;
  absl::StatusOr<uint32_t> Locate(const Hash& head);
  std::optional<uint32_t> FindInSegment(const Hash& head) const;
  std::optional<uint32_t> FindInGeneration(uint64_t generation, const Hash& head);
  void LoadSegment(uint32_t segment);
  const Hash& Value(uint32_t position);

  const FixedBytes<32> seed_;
  const uint32_t length_;
  const uint32_t stride_;
  uint64_t search_from_ = 0;
  uint64_t generation_ = 0;
  std::vector<Hash> checkpoints_;  // value(generation, i * stride)
  uint32_t segment_ = 0;
  std::vector<Hash> values_;  // value(generation, segment * stride + i), at most stride of them.
};

}  // namespace gonka::consensus
