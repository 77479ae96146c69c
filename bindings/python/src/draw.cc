#include <fmt/format.h>

#include <algorithm>

#include "errors.h"
#include "gonka/ledger/queries.h"
#include "topics.h"
#include "values.h"

namespace py = pybind11;

namespace gonka::python {
namespace {

ledger::Member MemberFrom(const py::handle& value) {
  if (!py::isinstance<py::dict>(value)) {
    Throw(absl::InvalidArgumentError("members must be dicts with id, weight and models"));
  }
  const auto dict = py::reinterpret_borrow<py::dict>(value);
  ledger::Member member;
  member.id = AccountId{HashFrom(EntryOf(dict, "id"), "members[].id")};
  member.weight = NumberFrom(EntryOf(dict, "weight"), "members[].weight");
  for (const py::handle& model : py::list(EntryOf(dict, "models"))) {
    if (member.models.size() == decltype(member.models)::kMax) {
      Throw(absl::InvalidArgumentError(fmt::format("member {} serves more than {} models",
                                                   Hex(member.id), decltype(member.models)::kMax)));
    }
    member.models.push_back(ModelId{HashFrom(model, "members[].models[]")});
  }
  std::sort(member.models.begin(), member.models.end());
  return member;
}

// Weights of one draw must sum to less than 2^64, and every member counts once.
void CheckTable(const ledger::EpochTable& table) {
  uint64_t total = 0;
  for (size_t i = 0; i < table.members.size(); ++i) {
    const ledger::Member& member = table.members[i];
    if (i > 0 && table.members[i - 1].id == member.id) {
      Throw(absl::InvalidArgumentError(fmt::format("member {} is there twice", Hex(member.id))));
    }
    if (__builtin_add_overflow(total, member.weight, &total)) {
      Throw(absl::InvalidArgumentError("the members' weights sum to 2^64 or more"));
    }
  }
}

ledger::EpochTable TableFrom(const py::dict& epoch) {
  ledger::EpochTable table;
  table.beacon = HashFrom(EntryOf(epoch, "beacon"), "beacon");
  const py::list members(EntryOf(epoch, "members"));
  if (members.size() > decltype(table.members)::kMax) {
    Throw(absl::InvalidArgumentError(fmt::format("at most {} members take part, here are {}",
                                                 decltype(table.members)::kMax, members.size())));
  }
  for (const py::handle& member : members) table.members.push_back(MemberFrom(member));
  std::sort(table.members.begin(), table.members.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  CheckTable(table);
  return table;
}

std::string Draw(const py::dict& epoch, const py::object& model, const py::object& salt,
                 const py::object& developer, const py::object& ta, const py::object& sequence,
                 const py::object& attempt) {
  const uint64_t number = NumberFrom(attempt, "attempt");
  const auto drawn =
      ledger::DrawExecutor(TableFrom(epoch), ModelId{HashFrom(model, "model")},
                           HashFrom(salt, "salt"), AccountId{HashFrom(developer, "developer")},
                           AccountId{HashFrom(ta, "ta")}, NumberFrom(sequence, "sequence"),
                           static_cast<uint8_t>(std::min<uint64_t>(number, UINT8_MAX)));
  if (const TxCode* code = std::get_if<TxCode>(&drawn)) ThrowRefused(*code);
  return Hex(std::get<AccountId>(drawn));
}

}  // namespace

void AddDraw(py::module_& module) {
  using py::arg;
  module.def("draw_executor", &Draw, arg("epoch"), arg("model"), arg("salt"), arg("developer"),
             arg("ta"), arg("sequence"), arg("attempt") = 0,
             "Who must execute. epoch: the answer of GET /gonka/v1/epochs/{n}, or a decoded "
             "EpochTable: a dict with beacon and members (id, weight, models). salt: the "
             "allowance's. Raises Refused where the ledger would refuse the draw.");
}

}  // namespace gonka::python
