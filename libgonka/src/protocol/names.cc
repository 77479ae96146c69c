// How enums read in JSON. Clients compare these: a name never changes.

#include "gonka/protocol/notice.h"

namespace gonka {
namespace {

template <class E, size_t N>
const char* NameIn(const char* const (&names)[N], E value) {
  static_assert(N == kEnumEnd<E>);
  const auto index = static_cast<size_t>(value);
  GONKA_CHECK(index < N);
  return names[index];
}

}  // namespace

const char* NameOf(RequestKind value) {
  return NameIn({"chat", "completion"}, value);
}
const char* NameOf(FinishCode value) {
  return NameIn({"stop", "length", "cancelled"}, value);
}
const char* NameOf(Verdict value) {
  return NameIn({"pass", "fail", "inconclusive", "unavailable"}, value);
}
const char* NameOf(RefundReason value) {
  return NameIn({"unused_escrow", "expired", "invalid", "conviction", "undecided", "unchecked"},
                value);
}
const char* NameOf(WithholdReason value) {
  return NameIn({"conviction", "work_share", "availability", "weight_cap", "not_delivered",
                 "not_checked", "rounding", "maintenance", "skipped"},
                value);
}
const char* NameOf(ConvictionCause value) {
  return NameIn({"evidence", "two_outputs", "false_sprint_opening"}, value);
}
const char* NameOf(DisputeOutcome value) {
  return NameIn({"upheld", "rejected", "undecided"}, value);
}
const char* NameOf(DisputeCause value) {
  return NameIn({"fail", "unavailable", "challenge"}, value);
}
const char* NameOf(PenaltyReason value) {
  return NameIn({"rejected_accusation", "overturned_pass", "rejected_challenge", "sprint_verdict"},
                value);
}
const char* NameOf(SprintOutcome value) {
  return NameIn({"proven", "false", "void"}, value);
}
const char* NameOf(ProposalStatus value) {
  return NameIn({"voting", "passed", "rejected", "active", "void"}, value);
}

}  // namespace gonka
