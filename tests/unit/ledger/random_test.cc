// Everybody does anything, sensible or not; after every block the whole state is audited (in
// MakeBlock), and in the end everything must have happened at least once.

#include <doctest/doctest.h>

#include <set>

#include "unit/ledger/chaos.h"

namespace gonka::ledger {

TEST_CASE("whatever everybody does, no coin is lost and no record is in two states") {
  std::set<size_t> kinds;
  std::set<TxCode> codes;
  std::set<DisputeOutcome> outcomes;
  std::set<RefundReason> refunds;
  std::set<SprintOutcome> sprints;
  size_t convictions = 0;
  for (uint64_t sim_seed = 1; sim_seed <= 6; ++sim_seed) {
    CAPTURE(sim_seed);
    Chaos chaos(sim_seed);
    chaos.Run(620);
    codes.insert(chaos.codes().begin(), chaos.codes().end());
    for (const Notice& notice : chaos.net().notices()) kinds.insert(notice.index());
    for (const auto& decided : chaos.net().Told<DisputeDecided>()) outcomes.insert(decided.outcome);
    for (const auto& refunded : chaos.net().Told<Refunded>()) refunds.insert(refunded.reason);
    for (const auto& decided : chaos.net().Told<SprintDecided>()) sprints.insert(decided.outcome);
    convictions += chaos.net().Told<Convicted>().size();
    CHECK(chaos.net().Told<EpochSettled>().size() >= 4);
  }
  CHECK(kinds.size() == std::variant_size_v<Notice>);
  CHECK(outcomes.size() == kEnumEnd<DisputeOutcome>);
  CHECK(sprints.size() == kEnumEnd<SprintOutcome>);
  CHECK(refunds.size() == kEnumEnd<RefundReason>);
  CHECK(convictions >= 5);
  CHECK(codes.size() >= 15);
}

}  // namespace gonka::ledger
