#include "errors.h"
#include "gonka/protocol/block.h"
#include "topics.h"
#include "values.h"

namespace py = pybind11;

namespace gonka::python {
namespace {

py::object Verify(const py::object& proof, const py::object& block_hash) {
  const auto decoded = ValueOrThrow(Decode<InclusionProof>(BytesFrom(proof, "proof")));
  ThrowIfError(VerifyProof(decoded, BlockHash{HashFrom(block_hash, "block_hash")}));
  return ToPython(decoded.leaf);
}

}  // namespace

void AddProof(py::module_& module) {
  module.def("verify_proof", &Verify, py::arg("proof"), py::arg("block_hash"),
             "What is proven to be in the history that the block of this hash stands on: a dict "
             "whose kind is state, receipt or notice. Raises Error where the proof does not hold. "
             "The hash must come from somewhere that the reader trusts, not from the prover.");
}

}  // namespace gonka::python
