#!/usr/bin/env python3
"""Published chat templates over a table of conversations, rendered by Jinja itself, set up as Hugging
Face's transformers do.

    pip install jinja2==3.1.6
    python make_vectors.py                               # the templates here: writes vectors.json
    python make_vectors.py --templates DIR --out FILE    # any others

GONKA_TEMPLATE_VECTORS=FILE makes the unit test read those. The templates here belong to models under
Apache-2.0 or MIT; see README.md.
"""
import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "model"))
from make_template_vectors import RENDER_TIME, THINKING, TOOLS, USER, environment  # noqa: E402

SYSTEM = {"role": "system", "content": "  Be brief.\n"}
LONG = [SYSTEM, {"role": "user", "content": "Hi \u00e9\U0001f600"}, {"role": "assistant", "content": " Hello! "},
        {"role": "user", "content": "line\n\n two  <|im_end|> </s>"}]
TWO_TOOLS = TOOLS + [{"type": "function", "function": {
    "name": "add", "description": "Adds numbers.\nSlowly.", "parameters": {
        "type": "object", "required": ["a"], "properties": {
            "a": {"type": "integer", "description": "left", "default": 1}, "b": {"type": ["number", "null"], "enum": [1, 2.5]},
            "how": {"type": "string", "enum": ["fast", "slow"], "nullable": True}}},
    "return": {"type": "number", "description": "the sum"}}}]


def call(name, arguments, number):
    return {"id": f"call{number:05d}", "type": "function", "function": {"name": name, "arguments": arguments}}


def after_call(calls, content=""):
    results = [{"role": "tool", "name": one["function"]["name"], "tool_call_id": one["id"], "content": "{\"t\": 20}"}
               for one in calls]
    return [{"role": "user", "content": "Weather?"}, {"role": "assistant", "content": content, "tool_calls": calls}, *results]


WEATHER = call("get_weather", {"city": "K\u00f6ln", "n": [1, 2.0], "deep": {"x": None}}, 1)
SUM = call("add", {"a": 1, "b": 2.5}, 2)
ANSWER = [{"role": "assistant", "content": "20 degrees"}, {"role": "user", "content": "thanks"}]
REASONED = [USER[0], {"role": "assistant", "content": "4", "reasoning_content": "2 + 2", "thinking": "2 + 2"},
            {"role": "user", "content": "sure?"}]

# Name, messages, tools, further variables, generation prompt.
CONVERSATIONS = [
    ("question", USER, None, {}, True),
    ("question, no prompt", USER, None, {}, False),
    ("long", LONG, None, {}, True),
    ("long, no prompt", LONG + [{"role": "assistant", "content": "ok"}], None, {}, False),
    ("no system", LONG[1:], None, {}, True),
    ("two users", USER + USER, None, {}, True),
    ("nothing", [], None, {}, True),
    ("unknown role", [{"role": "critic", "content": "x"}], None, {}, True),
    ("thinking", THINKING, None, {}, False),
    ("no thinking", USER, None, {"enable_thinking": False, "thinking": False}, True),
    ("reasoned", REASONED, None, {"reasoning_effort": "high"}, True),
    ("tools", [SYSTEM] + USER, TWO_TOOLS, {}, True),
    ("called", after_call([WEATHER]), TWO_TOOLS, {}, True),
    ("called twice", after_call([WEATHER, SUM], None) + ANSWER, TWO_TOOLS, {}, True),
    ("called with text", after_call([call("add", "{\"a\": 1}", 3)], "let me see") + ANSWER, TOOLS, {}, True),
    ("parts", [{"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}], None, {}, True),
    ("variables", USER, None, {"system_message": "S", "level": 3, "list": [1, {"a": None}]}, True),
    ("date", USER, None, {"date_string": "26 Jul 2024", "tools_in_user_message": False}, True),
]


def render(template, conversation):
    _, messages, tools, extra, prompt = conversation
    variables = {"documents": None, **extra}
    try:
        return template.render(messages=messages, tools=tools, bos_token="<s>", eos_token="</s>",
                               add_generation_prompt=prompt, **variables)
    except Exception:  # Whatever Python raises, we must refuse.
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--templates", type=pathlib.Path, default=HERE)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "vectors.json")
    arguments = parser.parse_args()
    env = environment()
    names = [dict(zip(["name", "messages", "tools", "extra", "add_generation_prompt"], one)) for one in CONVERSATIONS]
    templates = {}
    for path in sorted(arguments.templates.glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        template = env.from_string(source)
        templates[path.stem] = {"source": source, "rendered": [render(template, one) for one in CONVERSATIONS]}
    with open(arguments.out, "w", encoding="ascii") as out:
        data = {"render_time_unix_s": RENDER_TIME, "conversations": names, "templates": templates}
        json.dump(data, out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
