#include "store/commit.h"

#include <set>

#include "store/block_tree.h"
#include "store/tables.h"

namespace gonka::store {
namespace {

class Commit {
 public:
  Commit(Tip tip, const ledger::BlockResult& result) : tip_(std::move(tip)), result_(result) {
    GONKA_CHECK(result.leaves.size() >= result.receipts.size() + result.notices.size());
    GONKA_CHECK(result.block_leaf.has_value() == !result.leaves.empty());
  }

  std::vector<Mutation> Take() && {
    AddState();
    AddLeaves();
    AddReceipts();
    AddSubjects();
    AddHistory();
    AddInfo();
    Put(kMeta, MetaKey("tip"), Encode(tip_));
    return std::move(mutations_);
  }

  void Put(TableId table, Bytes key, Bytes value, bool keep_existing = false) {
    mutations_.push_back({table, std::move(key), std::move(value), keep_existing});
  }

 private:
  uint32_t FirstReceipt() const {
    return static_cast<uint32_t>(FirstNotice() - result_.receipts.size());
  }
  uint32_t FirstNotice() const {
    return static_cast<uint32_t>(result_.leaves.size() - result_.notices.size());
  }

  // The writes' leaves come first, in the same order, but not every write has one.
  void AddState() {
    uint32_t leaf = 0;
    for (const StateWrite& write : result_.writes) {
      const bool is_leaf = leaf < FirstReceipt() && IsLeafOf(result_.leaves[leaf], write);
      const LeafPosition position{tip_.height, is_leaf ? leaf++ : LeafPosition::kNoLeaf};
      mutations_.push_back({kState, write.key, StateValue(position, write), false});
    }
    GONKA_CHECK(leaf == FirstReceipt());
  }
  static bool IsLeafOf(ByteSpan leaf, const StateWrite& write) {
    // A Leaf's tag (0: a state write) and the key, with its count, in front of the value.
    Writer head;
    head.U8(0);
    codec::Write(head, write.key);
    return StartsWith(leaf, head.Take());
  }
  static std::optional<Bytes> StateValue(const LeafPosition& position, const StateWrite& write) {
    if (!write.value) return std::nullopt;
    Writer out;
    codec::Write(out, position);
    out.Raw(*write.value);
    return out.Take();
  }

  void AddLeaves() {
    if (result_.leaves.empty()) return;
    Put(kLeaves, HeightKey(tip_.height), JoinLeaves(result_.leaves));
    Put(kTrees, HeightKey(tip_.height), MakeBlockTree(result_.leaves));
  }

  void AddReceipts() {
    for (uint32_t i = 0; i < result_.receipts.size(); ++i) {
      const Receipt& receipt = result_.receipts[i];
      if (receipt.index != 0) continue;
      Put(kTxs, ToBytes(receipt.tx.value.span()),
          Encode(TxPosition{tip_.height, FirstReceipt() + i}), NotAdmitted(receipt.code));
    }
  }

  // A transaction is executed once, but may be in further blocks, where it is not admitted: what
  // counts is what became of it when it was executed.
  static bool NotAdmitted(TxCode code) {
    return code == TxCode::kWrongNetwork || code == TxCode::kUnknownAccount ||
           code == TxCode::kSequenceUsed || code == TxCode::kSequenceTooFar;
  }

  void AddSubjects() {
    for (uint32_t i = 0; i < result_.notices.size(); ++i) {
      const Notice& notice = result_.notices[i];
      for (const Hash& subject : Subjects(notice)) {
        Put(kSubjects, SubjectKey(subject, tip_.height, i), {static_cast<uint8_t>(notice.index())});
      }
    }
  }
  // Inferences and cases by their ids. Accounts only where no inference is named, or the index
  // would hold every account in every record; but a developer finds its refunds.
  static std::set<Hash> Subjects(const Notice& notice) {
    std::set<Hash> subjects;
    std::set<Hash> accounts;
    bool names_inference = false;
    const auto add = [&](const auto& field) {
      using T = std::decay_t<decltype(field)>;
      if constexpr (std::is_same_v<T, InferenceId>) {
        names_inference = true;
        subjects.insert(field.value);
      } else if constexpr (std::is_same_v<T, CaseId>) {
        subjects.insert(field.value);
      } else if constexpr (std::is_same_v<T, AccountId>) {
        accounts.insert(field.value);
      }
    };
    std::visit(
        [&](const auto& fact) {
          fact.VisitFields([&](const auto&... field) { (add(fact.*field.member), ...); });
        },
        notice);
    if (!names_inference || std::holds_alternative<Refunded>(notice)) subjects.merge(accounts);
    return subjects;
  }

  // Every complete subtree that the block's leaf closes.
  void AddHistory() {
    if (result_.block_leaf) {
      GONKA_CHECK(result_.block_leaf->height == tip_.height);
      GONKA_CHECK(result_.block_leaf->count == result_.leaves.size());
      const uint64_t index = tip_.history.size;
      Hash node = HashOf(*result_.block_leaf);
      Put(kNodes, NodeKey(0, index), ToBytes(node.span()));
      for (uint32_t level = 0; (index >> level & 1) == 1; ++level) {
        const Hash& left = tip_.history.peaks[tip_.history.peaks.size() - 1 - level];
        node = MerkleNode(left, node);
        Put(kNodes, NodeKey(level + 1, index >> (level + 1)), ToBytes(node.span()));
      }
      tip_.history.Append(HashOf(*result_.block_leaf));
    }
    GONKA_CHECK(tip_.history.Root() == result_.app_hash);
    tip_.app_hash = result_.app_hash;
  }

  void AddInfo() {
    const BlockInfo info{.hash = tip_.hash,
                         .app_hash = tip_.app_hash,
                         .history_size = tip_.history.size,
                         .receipts = static_cast<uint32_t>(result_.receipts.size()),
                         .notices = static_cast<uint32_t>(result_.notices.size()),
                         .leaf = result_.block_leaf};
    Put(kInfos, HeightKey(tip_.height), Encode(info));
  }

  Tip tip_;
  const ledger::BlockResult& result_;
  std::vector<Mutation> mutations_;
};

}  // namespace

std::vector<Mutation> GenesisMutations(const Genesis& genesis, const ledger::BlockResult& result) {
  Tip tip;
  tip.network = NetworkIdOf(genesis);
  Commit commit(std::move(tip), result);
  Writer format;
  format.Int(kFormat);
  commit.Put(kMeta, MetaKey("format"), format.Take());
  commit.Put(kMeta, MetaKey("genesis"), Encode(genesis));
  return std::move(commit).Take();
}

std::vector<Mutation> BlockMutations(const Tip& before, const Block& block,
                                     const ledger::BlockResult& result) {
  Tip tip = before;
  tip.height = block.header.height;
  tip.hash = HashOf(block.header);
  Commit commit(std::move(tip), result);
  commit.Put(kBlocks, HeightKey(block.header.height), Encode(block));
  return std::move(commit).Take();
}

Tip TipOf(const std::vector<Mutation>& mutations) {
  const auto tip = Decode<Tip>(*mutations.back().value);
  GONKA_CHECK(tip.ok());
  return *tip;
}

// Proofs of what comes later lead past them.
static void AddPeaks(const MerkleFrontier& history, std::vector<Mutation>& mutations) {
  uint64_t start = 0;
  size_t next = 0;
  for (uint32_t level = 64; level-- > 0;) {
    if ((history.size >> level & 1) == 0) continue;
    mutations.push_back(
        {kNodes, NodeKey(level, start >> level), ToBytes(history.peaks[next++].span()), false});
    start += uint64_t{1} << level;
  }
}

std::vector<Mutation> StateMutations(const Genesis& genesis, const Block& block,
                                     const MerkleFrontier& history,
                                     std::span<const StateWrite> state) {
  Tip before;
  before.network = NetworkIdOf(genesis);
  before.history = history;
  ledger::BlockResult result;
  result.writes.assign(state.begin(), state.end());
  result.app_hash = history.Root();
  std::vector<Mutation> mutations = BlockMutations(before, block, result);
  Writer format;
  format.Int(kFormat);
  mutations.push_back({kMeta, MetaKey("format"), format.Take(), false});
  mutations.push_back({kMeta, MetaKey("genesis"), Encode(genesis), false});
  AddPeaks(history, mutations);
  return mutations;
}

Bytes JoinLeaves(std::span<const Bytes> leaves) {
  Writer out;
  out.Int(static_cast<uint32_t>(leaves.size()));
  for (const Bytes& leaf : leaves) {
    out.Int(static_cast<uint32_t>(leaf.size()));
    out.Raw(leaf);
  }
  return out.Take();
}

absl::StatusOr<std::vector<ByteSpan>> SplitLeaves(ByteSpan joined) {
  Reader in(joined);
  const auto count = in.Int<uint32_t>();
  std::vector<ByteSpan> leaves;
  for (uint32_t i = 0; i < count && !in.failed(); ++i) leaves.push_back(in.Raw(in.Int<uint32_t>()));
  if (in.failed() || in.remaining() != 0) {
    return absl::DataLossError("the archive's leaves of a block are damaged");
  }
  return leaves;
}

}  // namespace gonka::store
