#pragma once

// What a template computes with. Values are immutable and cheap to copy; only a namespace changes.
//
// Every byte of a string knows whether the template's author wrote it (trusted) or whether it came
// with the request. All operations carry that along.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gonka::model::jinja {

struct Value;
struct MacroStmt;

struct Str {
  std::string text;
  std::string taint;  // As long as text: 0 where trusted, 1 where not.

  static Str Trusted(std::string_view text) {
    return {std::string(text), std::string(text.size(), 0)};
  }
  static Str Untrusted(std::string_view text) {
    return {std::string(text), std::string(text.size(), 1)};
  }

  size_t size() const { return text.size(); }
  void Append(const Str& other) {
    text += other.text;
    taint += other.taint;
  }
  Str Sub(size_t begin, size_t count) const {
    return {text.substr(begin, count), taint.substr(begin, count)};
  }
};

struct List {
  std::vector<Value> items;
  uint32_t depth = 1;  // Of nesting, this level included.
};

struct Dict {
  std::vector<std::pair<std::string, Value>> entries;  // In order of insertion.
  uint32_t depth = 1;
  bool is_namespace = false;

  const Value* Find(std::string_view key) const;
  void Set(std::string_view key, Value value);
};

struct Undefined {
  std::string name;  // For messages: what was looked for.
};
struct None {};
// A global function such as range, or a macro.
struct Function {
  std::string name;
  const MacroStmt* macro = nullptr;
};

using StrPtr = std::shared_ptr<const Str>;
using ListPtr = std::shared_ptr<const List>;
using DictPtr = std::shared_ptr<Dict>;

struct Value {
  std::variant<Undefined, None, bool, int64_t, double, StrPtr, ListPtr, DictPtr, Function> data;

  Value() : data(None{}) {}
  template <class T>
  explicit Value(T value) : data(std::move(value)) {}
  static Value String(Str text) { return Value(std::make_shared<const Str>(std::move(text))); }
  static Value Missing(std::string_view name) { return Value(Undefined{std::string(name)}); }

  bool IsUndefined() const { return std::holds_alternative<Undefined>(data); }
  bool IsNone() const { return std::holds_alternative<None>(data); }
  const Str* AsStr() const {
    const StrPtr* value = std::get_if<StrPtr>(&data);
    return value ? value->get() : nullptr;
  }
  const List* AsList() const {
    const ListPtr* value = std::get_if<ListPtr>(&data);
    return value ? value->get() : nullptr;
  }
  Dict* AsDict() const {
    const DictPtr* value = std::get_if<DictPtr>(&data);
    return value ? value->get() : nullptr;
  }
  const bool* AsBool() const { return std::get_if<bool>(&data); }
  const int64_t* AsInt() const { return std::get_if<int64_t>(&data); }
  const double* AsDouble() const { return std::get_if<double>(&data); }
  bool IsNumber() const { return AsBool() || AsInt() || AsDouble(); }
};

// Python's names and rules.
std::string_view TypeName(const Value& value);
bool Truthy(const Value& value);
bool Equal(const Value& a, const Value& b);
// Bools count as 0 and 1. Only for numbers.
double ToDouble(const Value& value);
// Of a list or dict; 0 for everything else.
uint32_t NestingDepth(const Value& value);
// Bytes and elements, all levels: what printing or comparing the value costs.
uint64_t Weight(const Value& value);

Str ToStr(const Value& value);           // str(): "" for undefined, "None", "True", "['a', 1]".
std::string FormatDouble(double value);  // repr(): "1.0", "1e-05".

struct JsonStyle {
  int indent = -1;  // Negative: all in one line.
  bool sort_keys = false;
  bool ascii = false;  // Everything else as \u1234.
};
// json.dumps(value). False where a value has no JSON.
bool AppendJsonText(std::string& out, const Value& value, const JsonStyle& style, int level = 0);

}  // namespace gonka::model::jinja
