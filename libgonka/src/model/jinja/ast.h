#pragma once

// A parsed template.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "value.h"

namespace gonka::model::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<const Expr>;

enum class ExprKind : uint8_t {
  kLiteral,
  kName,         // name
  kAttribute,    // args[0].name
  kIndex,        // args[0][args[1]]
  kSlice,        // args[0][args[1]:args[2]:args[3]], each of the last three may be null
  kCall,         // args[0](args[1]..., named...)
  kFilter,       // args[0] | name(args[1]..., named...)
  kTest,         // args[0] is name(args[1]...)
  kNot,          // args[0]
  kNegate,       // args[0]
  kAnd,          // args[0], args[1]
  kOr,           // args[0], args[1]
  kBinary,       // args[0] name args[1]
  kCompare,      // args[0] operators[0] args[1] operators[1] args[2] ...
  kConditional,  // args[0] if args[1] else args[2], which may be null
  kList,         // args
  kDict,         // args: key, value, key, value, ...
};

struct Expr {
  ExprKind kind = ExprKind::kLiteral;
  int line = 0;
  uint32_t height = 1;  // Of the tree below.
  Value literal;
  std::string name;
  std::vector<std::string> operators;
  std::vector<ExprPtr> args;
  std::vector<std::pair<std::string, ExprPtr>> named;
};

struct Stmt;
using Body = std::vector<std::unique_ptr<const Stmt>>;

enum class StmtKind : uint8_t {
  kText,     // text
  kOutput,   // expr
  kIf,       // branches; a null condition is "else"
  kFor,      // for targets in expr if filter: body, else: other
  kSet,      // targets (or targets[0].attribute) = expr
  kCapture,  // targets[0] = what body prints, through the filters of expr (null: none)
  kMacro,    // macro
  kBreak,
  kContinue,
};

struct MacroStmt {
  struct Parameter {
    std::string name;
    ExprPtr fallback;  // May be null.
  };
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
};

struct Branch {
  ExprPtr condition;
  Body body;
};

struct Stmt {
  StmtKind kind = StmtKind::kText;
  int line = 0;
  std::string text;
  ExprPtr expr;
  ExprPtr filter;
  std::vector<std::string> targets;
  std::string attribute;
  std::vector<Branch> branches;
  Body body;
  Body other;
  std::unique_ptr<const MacroStmt> macro;
};

}  // namespace gonka::model::jinja
