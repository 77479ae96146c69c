#pragma once

// Each topic adds its functions to the module.

#include <pybind11/pybind11.h>

namespace gonka::python {

void AddRecords(pybind11::module_& module);
void AddIds(pybind11::module_& module);
void AddDraw(pybind11::module_& module);
void AddProof(pybind11::module_& module);

}  // namespace gonka::python
