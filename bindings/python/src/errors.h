#pragma once

// The one place where failures become Python exceptions: gonka.Error (a ValueError) where the input
// is wrong, with the status code's name in .code; gonka.Refused where the ledger's rules say no,
// with the TxCode's name in .code.

#include <pybind11/pybind11.h>

#include "absl/status/statusor.h"
#include "gonka/protocol/tx.h"

namespace gonka::python {

void AddErrors(pybind11::module_& module);

[[noreturn]] void Throw(const absl::Status& status);
[[noreturn]] void ThrowRefused(TxCode code);

inline void ThrowIfError(const absl::Status& status) {
  if (!status.ok()) Throw(status);
}
template <class T>
T ValueOrThrow(absl::StatusOr<T> value) {
  ThrowIfError(value.status());
  return *std::move(value);
}

}  // namespace gonka::python
