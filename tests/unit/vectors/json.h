#pragma once

// Writes JSON text, one member a line at the top.

#include <string>
#include <vector>

#include "gonka/base/codec.h"
#include "gonka/base/json.h"

namespace gonka {

class JsonObject {
 public:
  JsonObject& Raw(const std::string& name, const std::string& json) {
    text_ += text_.empty() ? "" : ", ";
    text_ += JsonQuote(name) + ": " + json;
    return *this;
  }
  template <class T>
  JsonObject& Add(const std::string& name, const T& value) {
    return Raw(name, ToJson(value));
  }
  // The record's bytes, with kind and version where it has them.
  template <class T>
  JsonObject& AddEncoded(const std::string& name, const T& record) {
    return Raw(name, JsonQuote(Hex(Encode(record))));
  }
  JsonObject& AddText(const std::string& name, const std::string& text) {
    return Raw(name, JsonQuote(text));
  }
  template <class T>
  JsonObject& AddList(const std::string& name, const std::vector<T>& values) {
    std::string list;
    for (const T& value : values) list += (list.empty() ? "" : ", ") + ToJson(value);
    return Raw(name, "[" + list + "]");
  }
  std::string Text() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

inline std::string JsonLines(const std::vector<std::string>& items) {
  std::string text = "[\n";
  for (size_t i = 0; i < items.size(); ++i) {
    text += "    " + items[i] + (i + 1 < items.size() ? ",\n" : "\n");
  }
  return text + "  ]";
}

}  // namespace gonka
