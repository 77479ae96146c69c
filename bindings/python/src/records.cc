#include <fmt/format.h>

#include <tuple>

#include "errors.h"
#include "gonka/base/status.h"
#include "gonka/ledger/state.h"
#include "gonka/protocol/block.h"
#include "gonka/protocol/genesis.h"
#include "topics.h"
#include "values.h"

namespace py = pybind11;

namespace gonka::python {
namespace {

template <class T>
struct Named {
  using Record = T;
  const char* name;
};

// All records that people meet: sent, signed, proven, or stored in the ledger's state.
const std::tuple kRecords{Named<CanonicalRequest>{"CanonicalRequest"},
                          Named<Payload>{"Payload"},
                          Named<SignedTx>{"SignedTx"},
                          Named<BlockHeader>{"BlockHeader"},
                          Named<Block>{"Block"},
                          Named<InclusionProof>{"InclusionProof"},
                          Named<Genesis>{"Genesis"},
                          Named<ledger::Chain>{"Chain"},
                          Named<ledger::Account>{"Account"},
                          Named<ledger::Participant>{"Participant"},
                          Named<ledger::EpochTable>{"EpochTable"},
                          Named<ledger::Standing>{"Standing"},
                          Named<ledger::Allowance>{"Allowance"},
                          Named<ledger::InferenceRecord>{"InferenceRecord"},
                          Named<ledger::Case>{"Case"},
                          Named<ledger::EvidenceLog>{"EvidenceLog"},
                          Named<ledger::SettledRecord>{"SettledRecord"},
                          Named<ledger::Traffic>{"Traffic"}};

// Calls visit with the Named of the record that the first three bytes announce.
template <class Visit>
void WithRecord(const Bytes& data, const Visit& visit) {
  Reader in(data);
  const auto kind = in.Int<uint16_t>();
  const auto version = in.Int<uint8_t>();
  if (in.failed()) {
    Throw(absl::InvalidArgumentError(fmt::format(
        "a record begins with three bytes of kind and version, here are {}", data.size())));
  }
  bool found = false;
  const auto try_one = [&](const auto& named) {
    using Record = typename std::decay_t<decltype(named)>::Record;
    if (found || kind != Record::kKind.kind || version != Record::kKind.version) return;
    found = true;
    visit(named);
  };
  std::apply([&](const auto&... named) { (try_one(named), ...); }, kRecords);
  if (!found) {
    Throw(absl::InvalidArgumentError(
        fmt::format("there is no record of kind {}, version {}", kind, version)));
  }
}

std::string KindOf(const py::object& data) {
  std::string name;
  WithRecord(BytesFrom(data, "data"), [&](const auto& named) { name = named.name; });
  return name;
}

py::object DecodeAny(const py::object& data) {
  const Bytes bytes = BytesFrom(data, "data");
  py::object decoded;
  WithRecord(bytes, [&](const auto& named) {
    using Record = typename std::decay_t<decltype(named)>::Record;
    absl::StatusOr<Record> record = Decode<Record>(bytes);
    if (!record.ok()) Throw(Annotate(record.status(), named.name));
    decoded = ToPython(*record);
  });
  return decoded;
}

}  // namespace

void AddRecords(py::module_& module) {
  module.def("kind_of", &KindOf, py::arg("data"),
             "The name of the record that these bytes announce, such as 'InclusionProof'.");
  module.def("decode", &DecodeAny, py::arg("data"),
             "The record as a dict, field by field. Anything but its one encoding is refused.");
}

}  // namespace gonka::python
