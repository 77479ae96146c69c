#include "errors.h"

#include <fmt/format.h>

#include "gonka/base/status.h"

namespace py = pybind11;

namespace gonka::python {
namespace {

// Owned by the module, which lives as long as the interpreter.
PyObject* error_type = nullptr;
PyObject* refused_type = nullptr;

[[noreturn]] void Raise(PyObject* type, const std::string& message, const std::string& code) {
  py::object error = py::reinterpret_borrow<py::object>(type)(message);
  error.attr("code") = code;
  PyErr_SetObject(type, error.ptr());
  throw py::error_already_set();
}

}  // namespace

void AddErrors(py::module_& module) {
  error_type = PyErr_NewExceptionWithDoc("gonka.Error",
                                         "The input is wrong; .code is the name of the status.",
                                         PyExc_ValueError, nullptr);
  refused_type = PyErr_NewExceptionWithDoc(
      "gonka.Refused", "The ledger's rules refuse; .code says why, as in a receipt.", error_type,
      nullptr);
  if (error_type == nullptr || refused_type == nullptr) throw py::error_already_set();
  module.attr("Error") = py::reinterpret_borrow<py::object>(error_type);
  module.attr("Refused") = py::reinterpret_borrow<py::object>(refused_type);
}

void Throw(const absl::Status& status) {
  Raise(error_type, Message(status), absl::StatusCodeToString(status.code()));
}

void ThrowRefused(TxCode code) {
  Raise(refused_type, fmt::format("the ledger refuses: {}", TxCodeName(code)), TxCodeName(code));
}

}  // namespace gonka::python
