#include "value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "../utf8.h"

namespace gonka::model::jinja {
namespace {

void AppendHex(std::string& out, std::string_view prefix, int digits, unsigned value) {
  out += prefix;
  for (int i = digits - 1; i >= 0; --i) out += "0123456789abcdef"[value >> (4 * i) & 15];
}

// repr() of a string.
void AppendRepr(std::string& out, const std::string& text) {
  const bool doubled = text.find('\'') != std::string::npos && text.find('"') == std::string::npos;
  const char quote = doubled ? '"' : '\'';
  out += quote;
  for (const char c : text) {
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
      AppendHex(out, "\\x", 2, static_cast<uint8_t>(c));
    } else {
      out += c;
    }
  }
  out += quote;
}

void AppendText(std::string& out, const Value& value, bool quoted);

void AppendList(std::string& out, const List& list) {
  out += '[';
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out += ", ";
    AppendText(out, list.items[i], true);
  }
  out += ']';
}

void AppendDict(std::string& out, const Dict& dict) {
  out += '{';
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    if (i > 0) out += ", ";
    AppendRepr(out, dict.entries[i].first);
    out += ": ";
    AppendText(out, dict.entries[i].second, true);
  }
  out += '}';
}

void AppendText(std::string& out, const Value& value, bool quoted) {
  if (value.IsUndefined()) {
    if (quoted) out += "Undefined";
  } else if (value.IsNone()) {
    out += "None";
  } else if (const bool* truth = value.AsBool()) {
    out += *truth ? "True" : "False";
  } else if (const int64_t* integer = value.AsInt()) {
    out += std::to_string(*integer);
  } else if (const double* number = value.AsDouble()) {
    out += FormatDouble(*number);
  } else if (const Str* text = value.AsStr()) {
    quoted ? AppendRepr(out, text->text) : void(out += text->text);
  } else if (const List* list = value.AsList()) {
    AppendList(out, *list);
  } else if (const Dict* dict = value.AsDict()) {
    AppendDict(out, *dict);
  } else {
    out += "<function " + std::get<Function>(value.data).name + ">";
  }
}

// UTF-16, as JSON spells it.
void AppendEscaped(std::string& out, char32_t code) {
  if (code >= 0x10000) {
    code -= 0x10000;
    AppendHex(out, "\\u", 4, 0xD800 + (code >> 10));
    code = 0xDC00 + (code & 0x3FF);
  }
  AppendHex(out, "\\u", 4, code);
}

void AppendJsonString(std::string& out, const std::string& text, const JsonStyle& style) {
  out += '"';
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (style.ascii && static_cast<uint8_t>(c) >= 0x7F) {
      const Utf8Char next = ReadUtf8(std::string_view(text).substr(i));
      AppendEscaped(out, next.kind == Utf8Char::Kind::kValid ? next.code : 0xFFFD);
      i += next.length - 1;
      continue;
    }
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (static_cast<uint8_t>(c) < 0x20) {
          AppendHex(out, "\\u", 4, static_cast<uint8_t>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void BreakLine(std::string& out, const JsonStyle& style, int level) {
  if (style.indent < 0) return;
  out += '\n';
  out.append(static_cast<size_t>(style.indent) * static_cast<size_t>(level), ' ');
}

bool AppendJsonList(std::string& out, const List& list, const JsonStyle& style, int level) {
  if (list.items.empty()) {
    out += "[]";
    return true;
  }
  out += '[';
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out += style.indent < 0 ? ", " : ",";
    BreakLine(out, style, level + 1);
    if (!AppendJsonText(out, list.items[i], style, level + 1)) return false;
  }
  BreakLine(out, style, level);
  out += ']';
  return true;
}

bool AppendJsonDict(std::string& out, const Dict& dict, const JsonStyle& style, int level) {
  if (dict.entries.empty()) {
    out += "{}";
    return true;
  }
  std::vector<const std::pair<std::string, Value>*> entries;
  for (const auto& entry : dict.entries) entries.push_back(&entry);
  if (style.sort_keys) {
    std::sort(entries.begin(), entries.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
  }
  out += '{';
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out += style.indent < 0 ? ", " : ",";
    BreakLine(out, style, level + 1);
    AppendJsonString(out, entries[i]->first, style);
    out += ": ";
    if (!AppendJsonText(out, entries[i]->second, style, level + 1)) return false;
  }
  BreakLine(out, style, level);
  out += '}';
  return true;
}

bool EqualLists(const List& a, const List& b) {
  return a.items.size() == b.items.size() &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), Equal);
}

bool EqualDicts(const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  return std::all_of(a.entries.begin(), a.entries.end(), [&](const auto& entry) {
    const Value* other = b.Find(entry.first);
    return other != nullptr && Equal(entry.second, *other);
  });
}

}  // namespace

const Value* Dict::Find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

void Dict::Set(std::string_view key, Value value) {
  for (auto& [name, old] : entries) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  entries.emplace_back(std::string(key), std::move(value));
}

std::string_view TypeName(const Value& value) {
  constexpr std::string_view kNames[] = {"Undefined", "NoneType", "bool", "int",     "float",
                                         "str",       "list",     "dict", "function"};
  if (const Dict* dict = value.AsDict(); dict != nullptr && dict->is_namespace) return "Namespace";
  return kNames[value.data.index()];
}

bool Truthy(const Value& value) {
  if (const bool* truth = value.AsBool()) return *truth;
  if (const int64_t* integer = value.AsInt()) return *integer != 0;
  if (const double* number = value.AsDouble()) return *number != 0;
  if (const Str* text = value.AsStr()) return !text->text.empty();
  if (const List* list = value.AsList()) return !list->items.empty();
  if (const Dict* dict = value.AsDict()) return dict->is_namespace || !dict->entries.empty();
  return std::holds_alternative<Function>(value.data);
}

double ToDouble(const Value& value) {
  if (const bool* truth = value.AsBool()) return *truth ? 1 : 0;
  if (const int64_t* integer = value.AsInt()) return static_cast<double>(*integer);
  return *value.AsDouble();
}

bool Equal(const Value& a, const Value& b) {
  if (a.IsNumber() && b.IsNumber()) {
    if (a.AsInt() && b.AsInt()) return *a.AsInt() == *b.AsInt();
    return ToDouble(a) == ToDouble(b);
  }
  if (a.data.index() != b.data.index()) return false;
  if (a.AsStr()) return a.AsStr()->text == b.AsStr()->text;
  if (a.AsList()) return EqualLists(*a.AsList(), *b.AsList());
  if (a.AsDict()) return a.AsDict() == b.AsDict() || EqualDicts(*a.AsDict(), *b.AsDict());
  if (const Function* function = std::get_if<Function>(&a.data)) {
    return function->name == std::get<Function>(b.data).name;
  }
  return true;  // None and None, undefined and undefined.
}

uint32_t NestingDepth(const Value& value) {
  if (const List* list = value.AsList()) return list->depth;
  if (const Dict* dict = value.AsDict()) return dict->depth;
  return 0;
}

uint64_t Weight(const Value& value) {
  uint64_t weight = 1;
  if (const Str* text = value.AsStr()) weight += text->size();
  if (const List* list = value.AsList()) {
    for (const Value& item : list->items) weight += Weight(item);
  }
  if (const Dict* dict = value.AsDict()) {
    for (const auto& [name, item] : dict->entries) weight += name.size() + Weight(item);
  }
  return weight;
}

Str ToStr(const Value& value) {
  if (const Str* text = value.AsStr()) return *text;
  std::string out;
  AppendText(out, value, false);
  return Str::Untrusted(out);
}

std::string FormatDouble(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const double magnitude = std::fabs(value);
  const bool scientific = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e16);
  char buffer[64];
  const auto format = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, format).ptr;
  std::string text(buffer, end);
  if (!scientific && text.find('.') == std::string::npos) text += ".0";
  return text;
}

bool AppendJsonText(std::string& out, const Value& value, const JsonStyle& style, int level) {
  if (value.IsNone()) {
    out += "null";
  } else if (const bool* truth = value.AsBool()) {
    out += *truth ? "true" : "false";
  } else if (const Str* text = value.AsStr()) {
    AppendJsonString(out, text->text, style);
  } else if (const List* list = value.AsList()) {
    return AppendJsonList(out, *list, style, level);
  } else if (const Dict* dict = value.AsDict()) {
    return !dict->is_namespace && AppendJsonDict(out, *dict, style, level);
  } else if (value.AsInt() || value.AsDouble()) {
    out += ToStr(value).text;
  } else {
    return false;
  }
  return true;
}

}  // namespace gonka::model::jinja
