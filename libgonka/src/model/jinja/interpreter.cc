#include "interpreter.h"

#include <cmath>
#include <map>

#include "builtins.h"
#include "fmt/format.h"
#include "lexer.h"
#include "operators.h"
#include "text_ops.h"

namespace gonka::model::jinja {
namespace {

// Of statements and expressions within one another, macro calls included: bounds our stack.
constexpr uint32_t kRecursionMax = 1000;

// What evaluating a node or making a loop's variables takes, in bytes copied meanwhile.
constexpr uint64_t kNodeWork = 16;
constexpr uint64_t kLoopWork = 64;

enum class Flow : uint8_t { kNormal, kBreak, kContinue };

struct Frame {
  std::map<std::string, Value, std::less<>> variables;
  Frame* outer = nullptr;

  const Value* Find(std::string_view name) const {
    for (const Frame* frame = this; frame != nullptr; frame = frame->outer) {
      const auto found = frame->variables.find(name);
      if (found != frame->variables.end()) return &found->second;
    }
    return nullptr;
  }
};

class Interpreter {
 public:
  Interpreter(const Variables& variables, Runtime& runtime) : runtime_(runtime) {
    for (const auto& [name, value] : variables) globals_.variables[name] = value;
  }

  absl::StatusOr<Str> Run(const Body& body) {
    frame_ = &globals_;
    Str out;
    out_ = &out;
    GONKA_RETURN_IF_ERROR(ExecBody(body).status());
    return out;
  }

 private:
  // Adds the line to a message that has none yet.
  static absl::Status At(int line, const absl::Status& status) {
    return absl::Status(status.code(),
                        fmt::format("chat template line {}: {}", line, Message(status)));
  }

  // ---- Statements ----

  absl::StatusOr<Flow> ExecBody(const Body& body) {
    for (const auto& stmt : body) {
      if (++recursion_ > kRecursionMax) return TooDeep(stmt->line);
      const absl::StatusOr<Flow> flow = Exec(*stmt);
      --recursion_;
      if (!flow.ok() || *flow != Flow::kNormal) return flow;
    }
    return Flow::kNormal;
  }

  static absl::Status TooDeep(int line) {
    return At(line, absl::ResourceExhaustedError("calls are nested too deeply"));
  }

  absl::StatusOr<Flow> Exec(const Stmt& stmt) {
    switch (stmt.kind) {
      case StmtKind::kText:
        GONKA_RETURN_IF_ERROR(Emit(stmt.line, Str::Trusted(stmt.text)));
        return Flow::kNormal;
      case StmtKind::kOutput:
        return ExecOutput(stmt);
      case StmtKind::kIf:
        return ExecIf(stmt);
      case StmtKind::kFor:
        return ExecFor(stmt);
      case StmtKind::kSet:
        return ExecSet(stmt);
      case StmtKind::kCapture:
        return ExecCapture(stmt);
      case StmtKind::kMacro:
        frame_->variables[stmt.macro->name] = Value(Function{stmt.macro->name, stmt.macro.get()});
        return Flow::kNormal;
      case StmtKind::kBreak:
        return Flow::kBreak;
      case StmtKind::kContinue:
        return Flow::kContinue;
    }
    return Flow::kNormal;
  }

  absl::Status Emit(int line, const Str& text) {
    absl::Status status = runtime_.Charge(text.size() + 1);
    const size_t max = runtime_.limits().output_bytes_max;
    if (status.ok() && text.size() > max - out_->size()) {
      status = absl::ResourceExhaustedError(fmt::format("output is longer than {} bytes", max));
    }
    if (!status.ok()) return At(line, status);
    out_->Append(text);
    return absl::OkStatus();
  }

  absl::StatusOr<Flow> ExecOutput(const Stmt& stmt) {
    GONKA_ASSIGN_OR_RETURN(const Value value, Eval(*stmt.expr));
    const absl::StatusOr<Str> text = runtime_.Print(value);
    if (!text.ok()) return At(stmt.line, text.status());
    GONKA_RETURN_IF_ERROR(Emit(stmt.line, *text));
    return Flow::kNormal;
  }

  absl::StatusOr<Flow> ExecIf(const Stmt& stmt) {
    for (const Branch& branch : stmt.branches) {
      bool taken = true;
      if (branch.condition) {
        GONKA_ASSIGN_OR_RETURN(const Value condition, Eval(*branch.condition));
        taken = Truthy(condition);
      }
      if (taken) return ExecBody(branch.body);
    }
    return Flow::kNormal;
  }

  // Runs what in a scope of its own: what it sets is gone afterwards.
  template <class Action>
  auto InScope(Action action) {
    Frame inner;
    inner.outer = frame_;
    frame_ = &inner;
    auto result = action();
    frame_ = inner.outer;
    return result;
  }

  absl::Status AssignTargets(const Stmt& stmt, const Value& value) {
    if (stmt.targets.size() == 1) {
      frame_->variables[stmt.targets[0]] = value;
      return absl::OkStatus();
    }
    const absl::StatusOr<std::vector<Value>> parts = Iterate(runtime_, value);
    if (!parts.ok()) return At(stmt.line, parts.status());
    if (parts->size() != stmt.targets.size()) {
      return ErrorAt(stmt.line,
                     fmt::format("{} values for {} variables", parts->size(), stmt.targets.size()));
    }
    for (size_t i = 0; i < parts->size(); ++i) frame_->variables[stmt.targets[i]] = (*parts)[i];
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> LoopItems(const Stmt& stmt) {
    GONKA_ASSIGN_OR_RETURN(const Value iterable, Eval(*stmt.expr));
    absl::StatusOr<std::vector<Value>> all = Iterate(runtime_, iterable);
    if (!all.ok()) return At(stmt.line, all.status());
    if (!stmt.filter) return all;
    std::vector<Value> kept;
    for (const Value& item : *all) {
      const absl::StatusOr<bool> keep = InScope([&]() -> absl::StatusOr<bool> {
        GONKA_RETURN_IF_ERROR(AssignTargets(stmt, item));
        GONKA_ASSIGN_OR_RETURN(const Value condition, Eval(*stmt.filter));
        return Truthy(condition);
      });
      if (!keep.ok()) return keep.status();
      if (*keep) kept.push_back(item);
    }
    return kept;
  }

  static Value LoopVariable(const std::vector<Value>& items, size_t i) {
    const auto index = static_cast<int64_t>(i);
    const auto size = static_cast<int64_t>(items.size());
    auto loop = std::make_shared<Dict>();
    // A namespace, so that it cannot be stored: its neighbours may be nested as deeply as allowed.
    loop->is_namespace = true;
    loop->entries = {{"index", Value(index + 1)},
                     {"index0", Value(index)},
                     {"revindex", Value(size - index)},
                     {"revindex0", Value(size - index - 1)},
                     {"first", Value(i == 0)},
                     {"last", Value(i + 1 == items.size())},
                     {"length", Value(size)}};
    if (i > 0) loop->entries.emplace_back("previtem", items[i - 1]);
    if (i + 1 < items.size()) loop->entries.emplace_back("nextitem", items[i + 1]);
    return Value(DictPtr(std::move(loop)));
  }

  absl::StatusOr<Flow> ExecFor(const Stmt& stmt) {
    GONKA_ASSIGN_OR_RETURN(const std::vector<Value> items, LoopItems(stmt));
    if (items.empty()) return ExecBody(stmt.other);
    for (size_t i = 0; i < items.size(); ++i) {
      if (const absl::Status status = runtime_.Charge(kLoopWork); !status.ok()) {
        return At(stmt.line, status);
      }
      const absl::StatusOr<Flow> flow = InScope([&]() -> absl::StatusOr<Flow> {
        frame_->variables["loop"] = LoopVariable(items, i);
        GONKA_RETURN_IF_ERROR(AssignTargets(stmt, items[i]));
        return ExecBody(stmt.body);
      });
      if (!flow.ok()) return flow;
      if (*flow == Flow::kBreak) break;
    }
    return Flow::kNormal;
  }

  absl::StatusOr<Flow> ExecSet(const Stmt& stmt) {
    GONKA_ASSIGN_OR_RETURN(const Value value, Eval(*stmt.expr));
    if (stmt.attribute.empty()) {
      GONKA_RETURN_IF_ERROR(AssignTargets(stmt, value));
      return Flow::kNormal;
    }
    const Value* target = frame_->Find(stmt.targets[0]);
    Dict* space = target == nullptr ? nullptr : target->AsDict();
    if (space == nullptr || !space->is_namespace) {
      return ErrorAt(stmt.line, fmt::format("\"{}\" is no namespace", stmt.targets[0]));
    }
    if (const Dict* inner = value.AsDict(); inner != nullptr && inner->is_namespace) {
      return ErrorAt(stmt.line, "a namespace cannot be stored in another value");
    }
    if (const absl::Status status = runtime_.Charge(space->entries.size()); !status.ok()) {
      return At(stmt.line, status);
    }
    space->Set(stmt.attribute, value);
    return Flow::kNormal;
  }

  // What body prints.
  absl::StatusOr<Value> Capture(int line, const Body& body) {
    Str captured;
    Str* outer = std::exchange(out_, &captured);
    const absl::StatusOr<Flow> flow = ExecBody(body);
    out_ = outer;
    if (!flow.ok()) return flow.status();
    absl::StatusOr<Value> value = runtime_.MakeString(std::move(captured));
    if (!value.ok()) return At(line, value.status());
    return value;
  }

  absl::StatusOr<Flow> ExecCapture(const Stmt& stmt) {
    absl::StatusOr<Value> value = InScope([&]() -> absl::StatusOr<Value> {
      GONKA_ASSIGN_OR_RETURN(Value captured, Capture(stmt.line, stmt.body));
      if (!stmt.expr) return captured;
      frame_->variables[std::string(kCaptured)] = std::move(captured);
      return Eval(*stmt.expr);
    });
    if (!value.ok()) return value.status();
    frame_->variables[stmt.targets[0]] = *std::move(value);
    return Flow::kNormal;
  }

  // ---- Expressions ----

  absl::StatusOr<Value> Eval(const Expr& expr) {
    if (++recursion_ > kRecursionMax) return TooDeep(expr.line);
    const absl::Status status = runtime_.Charge(kNodeWork);
    absl::StatusOr<Value> value = status.ok() ? EvalKind(expr) : At(expr.line, status);
    --recursion_;
    return value;
  }

  absl::StatusOr<Value> EvalKind(const Expr& expr) {
    switch (expr.kind) {
      case ExprKind::kLiteral:
        return expr.literal;
      case ExprKind::kName:
        return EvalName(expr.name);
      case ExprKind::kAttribute:
      case ExprKind::kIndex:
      case ExprKind::kSlice:
        return EvalAccess(expr);
      case ExprKind::kCall:
        return EvalCall(expr);
      case ExprKind::kFilter:
      case ExprKind::kTest:
        return EvalFilterOrTest(expr);
      case ExprKind::kAnd:
      case ExprKind::kOr:
      case ExprKind::kConditional:
        return EvalChoice(expr);
      case ExprKind::kNot:
      case ExprKind::kNegate:
      case ExprKind::kBinary:
        return EvalOperator(expr);
      case ExprKind::kCompare:
        return EvalCompare(expr);
      case ExprKind::kList:
      case ExprKind::kDict:
        return EvalCollection(expr);
    }
    return ErrorAt(expr.line, "expression is of no kind");
  }

  absl::StatusOr<Value> EvalName(const std::string& name) {
    if (const Value* found = frame_->Find(name)) return *found;
    if (IsGlobalFunction(name, runtime_)) return Value(Function{name, nullptr});
    return Value::Missing(name);
  }

  // Adds the line to a failure.
  template <class T>
  static absl::StatusOr<Value> Located(int line, absl::StatusOr<T> result) {
    if (!result.ok()) return At(line, result.status());
    if constexpr (std::is_same_v<T, Value>) {
      return result;
    } else {
      return Value(*result);
    }
  }

  absl::StatusOr<Value> EvalAccess(const Expr& expr) {
    GONKA_ASSIGN_OR_RETURN(const Value object, Eval(*expr.args[0]));
    if (expr.kind == ExprKind::kAttribute) {
      return Located(expr.line, GetAttribute(runtime_, object, expr.name));
    }
    std::vector<Value> bounds;
    for (size_t i = 1; i < expr.args.size(); ++i) {
      Value bound;
      if (expr.args[i]) {
        GONKA_ASSIGN_OR_RETURN(bound, Eval(*expr.args[i]));
      }
      bounds.push_back(std::move(bound));
    }
    if (expr.kind == ExprKind::kIndex) {
      return Located(expr.line, GetItem(runtime_, object, bounds[0]));
    }
    return Located(expr.line, Slice(runtime_, object, bounds[0], bounds[1], bounds[2]));
  }

  absl::StatusOr<Args> EvalArgs(const Expr& expr) {
    Args args;
    for (size_t i = 1; i < expr.args.size(); ++i) {
      GONKA_ASSIGN_OR_RETURN(Value value, Eval(*expr.args[i]));
      args.positional.push_back(std::move(value));
    }
    for (const auto& [name, argument] : expr.named) {
      GONKA_ASSIGN_OR_RETURN(Value value, Eval(*argument));
      args.named.emplace_back(name, std::move(value));
    }
    return args;
  }

  absl::StatusOr<Value> EvalCall(const Expr& expr) {
    const Expr& callee = *expr.args[0];
    if (callee.kind == ExprKind::kAttribute) {
      GONKA_ASSIGN_OR_RETURN(const Value object, Eval(*callee.args[0]));
      GONKA_ASSIGN_OR_RETURN(const Args args, EvalArgs(expr));
      return Located(expr.line, CallMethod(runtime_, object, callee.name, args));
    }
    GONKA_ASSIGN_OR_RETURN(const Value target, Eval(callee));
    const Function* function = std::get_if<Function>(&target.data);
    if (function == nullptr) {
      const Undefined* missing = std::get_if<Undefined>(&target.data);
      return ErrorAt(expr.line, missing ? fmt::format("\"{}\" is undefined", missing->name)
                                        : fmt::format("{} cannot be called", TypeName(target)));
    }
    GONKA_ASSIGN_OR_RETURN(const Args args, EvalArgs(expr));
    if (function->macro != nullptr) return CallMacro(expr.line, *function->macro, args);
    return Located(expr.line, CallGlobal(runtime_, function->name, args));
  }

  absl::StatusOr<Value> CallMacro(int line, const MacroStmt& macro, const Args& args) {
    if (++macro_depth_ > runtime_.limits().depth_max) return TooDeep(line);
    // Macros see what the template sets at its top level, not what their caller sets.
    Frame inner;
    inner.outer = &globals_;
    Frame* caller = std::exchange(frame_, &inner);
    absl::StatusOr<Value> value = BindMacro(line, macro, args);
    if (value.ok()) value = Capture(line, macro.body);
    frame_ = caller;
    --macro_depth_;
    return value;
  }

  // The arguments as variables of the current frame. The value means nothing.
  absl::StatusOr<Value> BindMacro(int line, const MacroStmt& macro, const Args& args) {
    std::vector<std::string_view> names;
    for (const auto& parameter : macro.parameters) names.push_back(parameter.name);
    const absl::StatusOr<Bound> bound = Bound::Bind(macro.name, names, args);
    if (!bound.ok()) return At(line, bound.status());
    for (size_t i = 0; i < names.size(); ++i) {
      const auto& parameter = macro.parameters[i];
      Value value = Value::Missing(parameter.name);
      if (bound->Get(i) != nullptr) {
        value = *bound->Get(i);
      } else if (parameter.fallback) {
        GONKA_ASSIGN_OR_RETURN(value, Eval(*parameter.fallback));
      }
      frame_->variables[parameter.name] = std::move(value);
    }
    return Value();
  }

  absl::StatusOr<Value> EvalFilterOrTest(const Expr& expr) {
    GONKA_ASSIGN_OR_RETURN(const Value subject, Eval(*expr.args[0]));
    GONKA_ASSIGN_OR_RETURN(const Args args, EvalArgs(expr));
    if (expr.kind == ExprKind::kTest) {
      return Located(expr.line, ApplyTest(runtime_, expr.name, subject, args));
    }
    return Located(expr.line, ApplyFilter(runtime_, expr.name, subject, args));
  }

  absl::StatusOr<Value> EvalChoice(const Expr& expr) {
    if (expr.kind == ExprKind::kConditional) {
      GONKA_ASSIGN_OR_RETURN(const Value condition, Eval(*expr.args[1]));
      if (Truthy(condition)) return Eval(*expr.args[0]);
      if (expr.args[2]) return Eval(*expr.args[2]);
      return Value::Missing("else");
    }
    GONKA_ASSIGN_OR_RETURN(Value left, Eval(*expr.args[0]));
    const bool decided = Truthy(left) == (expr.kind == ExprKind::kOr);
    if (decided) return left;
    return Eval(*expr.args[1]);
  }

  absl::StatusOr<Value> EvalOperator(const Expr& expr) {
    GONKA_ASSIGN_OR_RETURN(const Value left, Eval(*expr.args[0]));
    if (expr.kind == ExprKind::kNot) return Value(!Truthy(left));
    if (expr.kind == ExprKind::kNegate) {
      return Located(expr.line, Arithmetic(runtime_, "-", Value(int64_t{0}), left));
    }
    GONKA_ASSIGN_OR_RETURN(const Value right, Eval(*expr.args[1]));
    return Located(expr.line, Arithmetic(runtime_, expr.name, left, right));
  }

  absl::StatusOr<Value> EvalCompare(const Expr& expr) {
    GONKA_ASSIGN_OR_RETURN(Value left, Eval(*expr.args[0]));
    for (size_t i = 0; i < expr.operators.size(); ++i) {
      GONKA_ASSIGN_OR_RETURN(Value right, Eval(*expr.args[i + 1]));
      const absl::StatusOr<bool> holds = Compare(runtime_, expr.operators[i], left, right);
      if (!holds.ok()) return At(expr.line, holds.status());
      if (!*holds) return Value(false);
      left = std::move(right);
    }
    return Value(true);
  }

  absl::StatusOr<Value> EvalCollection(const Expr& expr) {
    std::vector<Value> items;
    for (const ExprPtr& arg : expr.args) {
      GONKA_ASSIGN_OR_RETURN(Value item, Eval(*arg));
      items.push_back(std::move(item));
    }
    if (expr.kind == ExprKind::kList) {
      return Located(expr.line, runtime_.MakeList(std::move(items)));
    }
    Dict dict;
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      const Str* key = items[i].AsStr();
      if (key == nullptr) {
        return ErrorAt(expr.line,
                       fmt::format("a dict's keys must be strings, not {}", TypeName(items[i])));
      }
      dict.Set(key->text, std::move(items[i + 1]));
    }
    return Located(expr.line, runtime_.MakeDict(std::move(dict)));
  }

  Runtime& runtime_;
  Frame globals_;
  Frame* frame_ = nullptr;
  Str* out_ = nullptr;
  uint32_t recursion_ = 0;
  uint32_t macro_depth_ = 0;
};

}  // namespace

absl::StatusOr<Str> Interpret(const Body& body, const Variables& variables, Runtime& runtime) {
  return Interpreter(variables, runtime).Run(body);
}

}  // namespace gonka::model::jinja
