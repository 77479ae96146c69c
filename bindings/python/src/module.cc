#include "errors.h"
#include "topics.h"

PYBIND11_MODULE(_gonka, module) {
  module.doc() = "Ledger records, draws and proofs of a gonka network.";
  gonka::python::AddErrors(module);
  gonka::python::AddRecords(module);
  gonka::python::AddIds(module);
  gonka::python::AddDraw(module);
  gonka::python::AddProof(module);
}
