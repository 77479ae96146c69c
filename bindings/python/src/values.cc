#include "values.h"

#include <fmt/format.h>

#include "errors.h"

namespace py = pybind11;

namespace gonka::python {
namespace {

[[noreturn]] void Refuse(const std::string& message) {
  Throw(absl::InvalidArgumentError(message));
}

}  // namespace

Bytes BytesFrom(const py::handle& value, const char* name) {
  if (py::isinstance<py::bytes>(value)) {
    return ToBytes(AsBytes(std::string_view(py::cast<py::bytes>(value))));
  }
  if (!py::isinstance<py::str>(value)) {
    Refuse(fmt::format("{} must be bytes or hex, is {}", name,
                       std::string(py::str(py::type::of(value).attr("__name__")))));
  }
  const std::string text = py::cast<std::string>(value);
  std::optional<Bytes> bytes = FromHex(text);
  if (!bytes) {
    Refuse(
        fmt::format("{} must be lower-case hex of even length, is '{}'", name, text.substr(0, 80)));
  }
  return *std::move(bytes);
}

Hash HashFrom(const py::handle& value, const char* name) {
  const Bytes bytes = BytesFrom(value, name);
  if (bytes.size() != Hash::kSize) {
    Refuse(fmt::format("{} must have {} bytes, has {}", name, Hash::kSize, bytes.size()));
  }
  Hash hash;
  std::copy(bytes.begin(), bytes.end(), hash.bytes.begin());
  return hash;
}

uint64_t NumberFrom(const py::handle& value, const char* name) {
  const bool number = PyLong_Check(value.ptr()) != 0 && PyBool_Check(value.ptr()) == 0;
  const uint64_t result = number ? PyLong_AsUnsignedLongLong(value.ptr()) : 0;
  const bool out_of_range = PyErr_Occurred() != nullptr;
  PyErr_Clear();
  if (!number || out_of_range) {
    Refuse(fmt::format("{} must be a whole number from 0 to 2^64 - 1, is {}", name,
                       std::string(py::repr(value)).substr(0, 80)));
  }
  return result;
}

py::object EntryOf(const py::dict& dict, const char* name) {
  if (!dict.contains(name)) Refuse(fmt::format("'{}' is missing", name));
  return dict[name];
}

py::object ParseJson(const std::string& text) {
  return py::module_::import("json").attr("loads")(text);
}

}  // namespace gonka::python
