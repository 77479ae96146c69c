#include "ledger/sequence.h"

#include <algorithm>

namespace gonka::ledger {
namespace {

bool IsUsed(const SequenceWindow& window, uint64_t offset) {
  return (window.used.bytes[offset / 8] >> (offset % 8) & 1) != 0;
}

// Drops the lowest numbers of the window, used or not.
void Advance(SequenceWindow& window, uint64_t count) {
  auto& bytes = window.used.bytes;
  const size_t whole = std::min<uint64_t>(count / 8, bytes.size());
  std::move(bytes.begin() + static_cast<ptrdiff_t>(whole), bytes.end(), bytes.begin());
  std::fill(bytes.end() - static_cast<ptrdiff_t>(whole), bytes.end(), uint8_t{0});
  const unsigned bits = count % 8;
  for (size_t i = 0; bits != 0 && i < bytes.size(); ++i) {
    const unsigned next = i + 1 < bytes.size() ? bytes[i + 1] : 0u;
    bytes[i] = static_cast<uint8_t>((bytes[i] | next << 8) >> bits);
  }
  window.base += count;
}

}  // namespace

TxCode CheckSequence(const SequenceWindow& window, uint64_t sequence) {
  if (sequence < window.base) return TxCode::kSequenceUsed;
  const uint64_t offset = sequence - window.base;
  if (offset >= 2 * kSequenceWindow) return TxCode::kSequenceTooFar;
  return offset < kSequenceWindow && IsUsed(window, offset) ? TxCode::kSequenceUsed : TxCode::kOk;
}

void UseSequence(SequenceWindow& window, uint64_t sequence) {
  if (sequence - window.base >= kSequenceWindow) {
    Advance(window, sequence - window.base - kSequenceWindow + 1);
  }
  const uint64_t offset = sequence - window.base;
  window.used.bytes[offset / 8] =
      static_cast<uint8_t>(window.used.bytes[offset / 8] | 1u << (offset % 8));
  uint64_t done = 0;
  while (done < kSequenceWindow && IsUsed(window, done)) ++done;
  if (done > 0) Advance(window, done);
}

}  // namespace gonka::ledger
