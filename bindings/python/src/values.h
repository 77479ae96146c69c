#pragma once

// Python values in and out. Bytes may come as bytes or as lower-case hex, as the JSON API gives
// them; hashes and ids go out as hex. Every refusal names the argument.

#include <pybind11/pybind11.h>

#include <string>

#include "gonka/base/bytes.h"
#include "gonka/base/json.h"

namespace gonka::python {

Bytes BytesFrom(const pybind11::handle& value, const char* name);
Hash HashFrom(const pybind11::handle& value, const char* name);  // 32 bytes.
uint64_t NumberFrom(const pybind11::handle& value, const char* name);
// An entry of a dict; the name of an entry that is missing is in the error.
pybind11::object EntryOf(const pybind11::dict& dict, const char* name);

pybind11::object ParseJson(const std::string& text);

// A record's JSON view as Python values.
template <class T>
pybind11::object ToPython(const T& record) {
  return ParseJson(ToJson(record));
}

}  // namespace gonka::python
