#include "gonka/node/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace gonka::node {
namespace {

constexpr size_t kBatchMax = 256;
// Below the ledger's window, so that a batch that is lost for a while does not block the next ones.
constexpr size_t kBatchesInFlightMax = kSequenceWindow / 2;

uint64_t FirstUnused(const ledger::SequenceWindow& window) {
  uint64_t end = 0;
  for (uint64_t i = 0; i < kSequenceWindow; ++i) {
    if ((window.used.bytes[i / 8] >> (i % 8) & 1) != 0) end = i + 1;
  }
  return window.base + end;
}

bool IsUsed(const ledger::SequenceWindow& window, uint64_t sequence) {
  if (sequence < window.base) return true;
  const uint64_t i = sequence - window.base;
  return i < kSequenceWindow && (window.used.bytes[i / 8] >> (i % 8) & 1) != 0;
}

}  // namespace

Recorder::Recorder(Environment env, LedgerPort ledger, const Identity& self, NetworkId network,
                   RecorderOptions options)
    : env_(env), ledger_(std::move(ledger)), self_(self), network_(network), options_(options) {}

Recorder::~Recorder() {
  if (timer_ != 0) env_.loop.CancelTimer(timer_);
}

bool Recorder::Add(Event event) {
  if (waiting_.size() >= options_.waiting_max) {
    env_.log.Write(
        LogLevel::kError,
        fmt::format("recorder: {} events wait already; one more is dropped", waiting_.size()));
    return false;
  }
  waiting_.push_back(std::move(event));
  if (waiting_.size() >= kBatchMax) {
    Flush();
  } else if (timer_ == 0) {
    timer_ = env_.loop.PostAfter(options_.gather_us, [this] {
      timer_ = 0;
      Flush();
    });
  }
  return true;
}

size_t Recorder::pending() const {
  size_t events = waiting_.size();
  for (const auto& [hash, sent] : sent_) events += sent.tx.events.size();
  return events;
}

uint64_t Recorder::NextSequence() {
  const auto account = ledger::FindAccount(*ledger_.snapshot(), AccountOf(self_.key.public_key()));
  if (account) next_sequence_ = std::max(next_sequence_, FirstUnused(account->window));
  return next_sequence_++;
}

void Recorder::Flush() {
  while (!waiting_.empty() && sent_.size() < kBatchesInFlightMax) {
    const size_t count = std::min(waiting_.size(), kBatchMax);
    std::vector<Event> events(std::make_move_iterator(waiting_.begin()),
                              std::make_move_iterator(waiting_.begin() + count));
    waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    SignedTx tx = SignTx(self_.key, network_, NextSequence(), std::move(events),
                         self_.IsWarm() ? std::optional<AccountId>(self_.account) : std::nullopt);
    ledger_.submit(tx);
    const TxHash hash = HashOf(tx);
    sent_.emplace(hash, Sent{.tx = std::move(tx), .sent_height = height_, .resends = 0});
  }
}

void Recorder::OnBlock(const BlockFacts& block) {
  height_ = block.header.height;
  std::set<TxHash> seen;
  for (const Receipt& receipt : block.receipts) {
    const auto found = sent_.find(receipt.tx);
    if (found == sent_.end()) continue;
    seen.insert(receipt.tx);
    if (receipt.code != TxCode::kOk) OnRefused(found->second, receipt);
  }
  for (const TxHash& hash : seen) sent_.erase(hash);
  SendAgain();
  if (timer_ == 0) Flush();
}

// What is about a record that a lost batch of ours opens comes again after that one.
void Recorder::OnRefused(const Sent& sent, const Receipt& receipt) {
  const Event& event = sent.tx.events[receipt.index];
  const bool earlier_waits = std::any_of(sent_.begin(), sent_.end(), [&](const auto& other) {
    return other.second.tx.sequence < sent.tx.sequence;
  });
  if (receipt.code == TxCode::kSequenceUsed ||
      (receipt.code == TxCode::kUnknownInference && earlier_waits)) {
    waiting_.push_back(event);
    return;
  }
  if (receipt.code == TxCode::kAlreadyDone) return;  // It was sent again, and had been there.
  const char* name = std::visit([](const auto& e) { return e.kName; }, event);
  env_.log.Write(LogLevel::kWarning, fmt::format("the ledger refused {} of batch {}: {}", name,
                                                 sent.tx.sequence, TxCodeName(receipt.code)));
}

void Recorder::SendAgain() {
  for (auto it = sent_.begin(); it != sent_.end();) {
    Sent& sent = it->second;
    if (height_ < sent.sent_height + options_.resend_blocks) {
      ++it;
    } else if (IsTaken(sent.tx.sequence)) {
      // By a batch from before a restart: this one can never get in under its number.
      waiting_.insert(waiting_.end(), sent.tx.events.begin(), sent.tx.events.end());
      it = sent_.erase(it);
    } else if (sent.resends == options_.resends_max) {
      env_.log.Write(LogLevel::kError,
                     fmt::format("batch {} with {} events never got into a block; given up",
                                 sent.tx.sequence, sent.tx.events.size()));
      it = sent_.erase(it);
    } else {
      ++sent.resends;
      sent.sent_height = height_;
      ledger_.submit(sent.tx);
      ++it;
    }
  }
}

bool Recorder::IsTaken(uint64_t sequence) const {
  const auto account = ledger::FindAccount(*ledger_.snapshot(), AccountOf(self_.key.public_key()));
  return account && IsUsed(account->window, sequence);
}

}  // namespace gonka::node
