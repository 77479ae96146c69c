#!/usr/bin/env python3
"""Golden vectors for gonka::model::ChatTemplate, from Jinja itself, set up as Hugging Face's
transformers do for chat templates.

    pip install jinja2==3.1.6
    python make_template_vectors.py

writes templates.json: the templates, and vectors of a template's index, a context, and what it renders to
(null: it must fail).
"""
import datetime
import json
import os

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = os.path.dirname(os.path.abspath(__file__))
RENDER_TIME = 1_735_689_600 + 86400 * 45 + 3723  # 2025-02-15 01:02:03 UTC

CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' "
          "+ '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")

SMOLLM2 = ("{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
           "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
           "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
           "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")

LLAMA3 = ("{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
          "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 "
          "%}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
          "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")

LLAMA31 = r"""{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not tools_in_user_message is defined %}
    {%- set tools_in_user_message = true %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- This block extracts the system message, so we can slot it into the right place. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}

{#- System message #}
{{- "<|start_header_id|>system<|end_header_id|>\n\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\n" }}
{%- endif %}
{{- "Cutting Knowledge Date: December 2023\n" }}
{{- "Today Date: " + date_string + "\n\n" }}
{%- if tools is not none and not tools_in_user_message %}
    {{- "You have access to the following functions.\n\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\n\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}

{#- Custom tools are passed in a user message with some extra guidance #}
{%- if tools_in_user_message and not tools is none %}
    {#- Extract the first user message so we can plug it in here #}
    {%- if messages | length != 0 %}
        {%- set first_user_message = messages[0]['content']|trim %}
        {%- set messages = messages[1:] %}
    {%- else %}
        {{- raise_exception("Cannot put tools in the first user message when there's no first user message!") }}
{%- endif %}
    {{- '<|start_header_id|>user<|end_header_id|>\n\n' -}}
    {{- "Given the following functions, respond with a JSON for a function call.\n\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\n\n" }}
    {%- endfor %}
    {{- first_user_message + "<|eot_id|>"}}
{%- endif %}

{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\n\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
"""

QWEN25 = r"""{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}
    {%- endif %}
    {{- "\n\n# Tools\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools>\n<|im_end|>\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\n<tool_call>\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\n<tool_response>\n' }}
        {{- message.content }}
        {{- '\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
"""

QWEN3 = r"""{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\n' + content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|im_start|>' + message.role + '\n<think>\n' + reasoning_content.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}
            {%- else %}
                {{- '<|im_start|>' + message.role + '\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}
"""

MISTRAL = r"""{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if (message["role"] == "user") != (loop.index0 % 2 == 0) %}
        {{- raise_exception("roles must alternate") }}
    {%- endif %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\n\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- else %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- endif %}
{%- endfor %}
{{- user_messages|length }}
"""

GEMMA = ("{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
         "{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
         "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
         "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}"
         "{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
         "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}")

MACROS = r"""{%- macro render_type(schema, depth=0) -%}
{%- if schema.type == "object" -%}
{ {%- for name, value in schema.properties.items() %}{{ "\n" ~ "  " * (depth + 1) ~ name }}: {{ render_type(value, depth=depth + 1) }}{{ "," if not loop.last }}{% endfor %} }
{%- elif schema.type == "array" -%}
{{ render_type(schema["items"], depth) }}[]
{%- else -%}
{{ schema.type|default("any") }}{{ " /* " ~ schema.description|upper ~ " */" if schema.description }}
{%- endif -%}
{%- endmacro -%}
{%- for tool in tools or [] %}
function {{ tool.function.name }}({{ render_type(tool.function.parameters) }})
{%- endfor %}"""

USER = [{"role": "user", "content": "What is 2 + 2?"}]
CHAT = [{"role": "system", "content": "  Be brief.\n"}, {"role": "user", "content": "Hi \u00e9\U0001f600"},
        {"role": "assistant", "content": " Hello! "}, {"role": "user", "content": "line\n\n two "}]
ALTERNATING = CHAT[1:]
THINKING = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nanswer"},
            {"role": "user", "content": "r"}, {"role": "assistant", "content": "<think>\nso\n</think>\n\nend"}]
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "It's \"weather\" <b>&</b>", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "description": "the city"}, "days": {"type": "array", "items": {"type": "integer"}},
                                     "deep": {"type": "object", "properties": {"x": {}}}},
    "required": ["city"], "minimum": 1.5, "tiny": 1e-7, "whole": 2.0, "huge": 1e22, "flag": True, "nothing": None}}}]
TOOL_CHAT = [{"role": "user", "content": "Weather?"},
             {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "get_weather", "arguments": {"city": "K\u00f6ln", "n": 1}}}]},
             {"role": "tool", "content": "{\"t\": 20}"}, {"role": "assistant", "content": "20 degrees"}, {"role": "user", "content": "thanks"}]

SNIPPETS = [
    # Output of values.
    "{{ none }}|{{ true }}|{{ 1 }}|{{ 1.0 }}|{{ 1e20 }}|{{ 0.1 + 0.2 }}|{{ [1, 'a', none, true, 1.5] }}|{{ {'a': 'it\\'s', 'b': [1]} }}",
    "{{ missing }}|{{ missing is defined }}|{{ messages.nothing }}|{{ messages[0].nothing is undefined }}",
    "{{ 'a' 'b' }}|{{ \"q'q\" }}|{{ 'x\\ty\\u00e9\\x41' }}|{{ ['\\n', \"'\"] }}",
    # Operators.
    "{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 1 - 2 - 3 }} {{ -3 + 1 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }}",
    "{{ 'a' ~ 1 ~ none ~ true }}|{{ 'ab' * 3 }}|{{ [1] + [2] }}|{{ 'x' + 'y' }}|{{ 2 * 'z' }}",
    "{{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ 'a' < 'b' }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' == 1 }} {{ [1, 2] == [1, 2] }} {{ {'a': 1} == {'a': 1} }}",
    "{{ not true }} {{ not 1 == 2 }} {{ true and 0 }} {{ '' or 'x' }} {{ 1 and 2 or 3 }} {{ 'a' in 'cat' }} {{ 2 not in [1, 2] }} {{ 'k' in {'k': 1} }}",
    "{{ 'yes' if 1 else 'no' }}|{{ 'yes' if 0 else 'no' }}|{{ 'yes' if 0 }}|{{ 1 if 0 else 2 if 0 else 3 }}",
    "{{ -1 | abs }} {{ 1 - -1 }} {{ 2 * 3 ~ 4 }} {{ (1, 2)[1] }} {{ (1,)|length }} {{ ()|length }}",
    # Strings.
    "{{ 'h\u00e9llo'[1] }}{{ 'h\u00e9llo'[-1] }}{{ 'h\u00e9llo'[1:3] }}{{ 'h\u00e9llo'[::-1] }}{{ 'h\u00e9llo'[::2] }}{{ 'abc'[5:] }}{{ 'abc'[-2:] }}{{ 'abc'[:-1] }}{{ 'abc'[9] }}",
    "{{ '  a b  '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ ' a'.lstrip() }}|{{ 'a\\n\\n'.rstrip('\\n') }}|{{ '\\u00a0a\\u2003'.strip() }}|{{ ' t '|trim }}|{{ 'xtx'|trim('x') }}",
    "{{ 'a,b,,c'.split(',') }}|{{ ' a  b c '.split() }}|{{ 'a,b,c'.split(',', 1) }}|{{ ' a  b c '.split(none, 1) }}|{{ ''.split() }}|{{ ''.split(',') }}|{{ 'a\\nb\\r\\nc'.splitlines() }}",
    "{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', 'c')) }}{{ 'aXbX'.replace('X', '--') }}{{ 'aaa'.replace('a', 'b', 2) }}{{ 'aXb'|replace('X', '') }}{{ 'abc'.find('c') }}{{ 'abca'.count('a') }}",
    "{{ 'hello world'.title() }}|{{ 'hELLO'|capitalize }}|{{ 'aBc'|upper }}|{{ 'aBc'.lower() }}|{{ ', '.join(['a', 'b']) }}|{{ '12'.isdigit() }}|{{ 'abc'.removeprefix('a') }}",
    "{{ 'a\\nb\\n\\nc'|indent(2) }}|{{ 'a\\nb'|indent(2, true) }}|{{ 'a\\nb'|indent('>>') }}",
    # Lists and dicts.
    "{{ [3, 1, 2]|sort }}{{ [3, 1, 2]|sort(reverse=true) }}{{ ['b', 'A']|sort }}{{ [1, 1, 2]|unique|list }}{{ [1, 2]|first }}{{ [1, 2]|last }}{{ []|first }}{{ [1, 2, 3]|reverse|list }}{{ 'abc'|reverse }}",
    "{{ [1, 2, 3][-1] }}{{ [1, 2, 3][1:] }}{{ [1, 2, 3][::-1] }}{{ [1, 2, 3, 4][::2] }}{{ [1][7] }}{{ [1, 2, 3][-2:] }}{{ [1, 2, 3][3:0:-1] }}",
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}{% for k in {'x': 1} %}{{ k }}{% endfor %}{{ {'a': 1}.get('b', 2) }}{{ {'a': 1}.get('b') }}{{ {'a': 1}.keys()|list }}{{ {'a': 1}.values()|list }}",
    "{% for k, v in {'b': 1, 'A': 2}|dictsort %}{{ k }}{{ v }}{% endfor %}|{% for k, v in {'b': 1}|items %}{{ k }}{{ v }}{% endfor %}|{{ {'a': 1}|length }}",
    "{{ messages|map(attribute='role')|join(', ') }}|{{ ['a', 'b']|map('upper')|list }}|{{ [0, 1, 2]|select|list }}|{{ [1, 2, 3]|select('odd')|list }}|{{ [1, 2, 3]|reject('eq', 2)|list }}|{{ messages|rejectattr('role', 'eq', 'user')|list|length }}",
    "{{ [1, 2]|join }}|{{ ['a', 'b']|join('-') }}|{{ messages|join('/', attribute='role') }}|{{ 'abc'|join('.') }}|{{ [1, 2]|length }}|{{ 'h\u00e9'|count }}",
    "{{ missing|default('d') }}|{{ ''|default('d') }}|{{ ''|default('d', true) }}|{{ none|d('x') }}|{{ 'v'|d('x') }}",
    "{{ '12'|int }}|{{ 'x'|int(7) }}|{{ 3.9|int }}|{{ '1.5'|float }}|{{ 5|string }}|{{ 2.5|round }}|{{ 3.14159|round(2) }}|{{ 'abc'|list }}|{{ 'a'|safe }}",
    # Tests.
    "{{ 1 is odd }}{{ 2 is even }}{{ 6 is divisibleby 3 }}{{ 6 is divisibleby(4) }}{{ 'a' is string }}{{ [] is sequence }}{{ {} is mapping }}{{ 1 is number }}{{ true is boolean }}{{ 1 is integer }}{{ true is integer }}{{ 1.0 is float }}{{ none is none }}{{ 1 is none }}",
    "{{ x is not defined }}{{ x is defined and x }}{{ 1 is in [1, 2] }}{{ 'a' is eq 'a' }}{{ 1 is ne 2 }}{{ 1 is lt 2 }}{{ true is true }}{{ false is false }}{{ 0 is false }}{{ raise_exception is callable }}{{ 'A' is upper }}{{ [] is iterable }}{{ 1 is iterable }}",
    # Loops and scopes.
    "{% for i in range(3) %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}",
    "{% for i in [1, 2, 3, 4] if i % 2 == 0 %}{{ i }}{{ loop.index }}{% else %}none{% endfor %}|{% for i in [] %}x{% else %}none{% endfor %}",
    "{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(n=0, found=false) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}{{ ns.found }}",
    "{% for i in [1, 2] %}{% for j in [1, 2] %}{{ i }}{{ j }}{{ loop.index }} {% endfor %}{{ loop.index }}{% endfor %}",
    "{% for a, b in [[1, 2], [3, 4]] %}{{ a + b }} {% endfor %}{% set a, b = 'x', 'y' %}{{ b }}{{ a }}{% for c in 'h\u00e9y' %}<{{ c }}>{% endfor %}",
    "{% if 0 %}a{% elif '' %}b{% elif [] %}c{% else %}d{% endif %}{% if true %}{% set v = 5 %}{% endif %}{{ v }}",
    "{{ range(5)|list }}{{ range(2, 5)|list }}{{ range(5, 0, -2)|list }}{{ range(0)|list }}{{ dict(a=1).a }}",
    # Macros and capturing set.
    "{% macro f(a, b='B', c=none) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ f(1) }}{{ f(1, 2, 3) }}{{ f(1, c=9) }}{{ f() }}{{ f('x') | upper }}",
    "{% set g = 'G' %}{% macro f() %}{{ g }}{{ h }}{% endmacro %}{% set h = 'H' %}{{ f() }}{% for h in [1] %}{{ f() }}{% endfor %}",
    "{% set x %}a{{ 1 + 1 }}b{% endset %}[{{ x }}]{% set y | upper %}abc{% endset %}{{ y }}",
    # Whitespace.
    "a\n{% if true %}\nb\n{% endif %}\nc\n", "a\n  {% if true %}\n  b\n  {% endif %}\n  c", "a {%- if true -%} b {%- endif -%} c",
    "a\n   {{ 1 }}\n  b {{- 2 -}}  \n c", "x\n  {# comment #}\ny {#- c -#} z\n\n", "  {% set x = 1 %}  \n  {{ x }}\n", "a\n  {%+ if true %}\nb{% endif +%}\nc",
    "{% raw %}{{ x }} {% y %}{% endraw %}\nz", "{%- raw -%}  {{ x }}  {%- endraw -%}  z", "a\r\nb\r{{ 1 }}\r\n", "\n\n{{ 1 }}\n\n", "{{ '{{' }} }} %} #}", "{% generation %}g{% endgeneration %}",
    "{{ {'a': {'b': 1}}['a']['b'] }}{{ {'a': {'b': 2}}.a.b }}",
    "{{ [3, 1, 2]|min }}{{ [3, 1, 2]|max }}{{ ['b', 'A', 'a']|min }}{{ ['b', 'A', 'a']|min(case_sensitive=true) }}{{ []|min is defined }}{{ messages|max(attribute='role') }}",
    "{{ '<{}|{}>'.format('a', 1) }}{{ '{1}{0}{1}'.format('x', 'y') }}{{ '{{{n}}}'.format(n=none) }}{{ 'plain'.format() }}",
    "{{ none|selectattr('a')|list }}{{ missing|map('upper')|list }}{{ none|select|list|length }}{{ ''|reject|list }}",
    "{{ {'a': 1}[missing] is defined }}{{ [1][missing] is defined }}{{ {'a': 1}[[]] is defined }}{{ [1][1.5] is defined }}",
    "{% if false %}{{ 1|from_json }}{{ 1 is weird }}{% endif %}ok", "{% if true %}{{ 1|from_json }}{% endif %}", "{% if true %}{{ 1 is weird }}{% endif %}",
    "{{ '{0.real}'.format(1) }}" + "{{ '}'.format() }}", "{{ '{}'.format() }}", "{{ '{a}'.format(b=1) }}",
    # JSON.
    "{{ 'h\u00e9\U0001f600\u007f\u2028'|tojson(ensure_ascii=true) }}{{ {'\u00e9': 1}|tojson(ensure_ascii=true, indent=1) }}",
    "{{ tools|tojson }}", "{{ tools|tojson(indent=2) }}", "{{ [1, 'a<>&\\'\"\\n\\t\\u0001\u00e9', 1.0, none]|tojson }}{{ {}|tojson(indent=2) }}{{ []|tojson(indent=2) }}{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }}{{ 'x'|tojson }}",
    "{{ strftime_now('%Y-%m-%d %H:%M:%S %b %B %a %A %j %y %%') }}",
    # Must fail.
    "{{ 1 + 2 ~ 3 }}", "{{ 1 + 'a' }}", "{{ 'a' + none }}", "{{ missing + 'a' }}", "{{ missing.x }}", "{{ missing() }}", "{{ 1 / 0 }}", "{{ 'a' < 1 }}", "{% for x in 5 %}{% endfor %}",
    "{{ raise_exception('no') }}", "{% if %}", "{% for x %}{% endfor %}", "{{ 1", "{% if 1 %}", "{% endif %}", "{{ }}", "{{ 'a }}", "{# open", "{{ a b }}", "{% nonsense %}",
    "{{ 1 | nofilter }}", "{{ 1 is notest }}", "{{ [1] | tojson(nope=1) }}", "{{ missing|tojson }}", "{{ ''.nomethod() }}", "{% set x.y = 1 %}", "{{ {'a': 1}.append(2) }}", "{% set a, b = [1] %}",
    "{% break %}", "{{ f(1, a=2) }}", "{{ (1 }}", "{{ [1) }}", "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{% endmacro %}{{ f(z=2) }}", "{{ none|length }}", "{% include 'x' %}",
]


def context(messages, tools=None, extra=None, add_generation_prompt=True):
    return {"messages": messages, "tools": tools, "extra": extra or {}, "add_generation_prompt": add_generation_prompt}


def cases():
    for name, template in [("chatml", CHATML), ("smollm2", SMOLLM2), ("llama3", LLAMA3), ("llama31", LLAMA31),
                           ("qwen2.5", QWEN25), ("qwen3", QWEN3), ("mistral", MISTRAL), ("gemma", GEMMA)]:
        for messages in [USER, CHAT, ALTERNATING, THINKING, []]:
            for prompt in [True, False]:
                yield name, template, context(messages, add_generation_prompt=prompt)
        yield name, template, context(TOOL_CHAT, TOOLS)
        yield name, template, context(USER, TOOLS, {"tools_in_user_message": False, "enable_thinking": False})
        yield name, template, context([{"role": "user"}])
    yield "macros", MACROS, context(USER, TOOLS)
    for snippet in SNIPPETS:
        yield "snippet", snippet, context(CHAT, TOOLS)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda fmt: datetime.datetime.fromtimestamp(RENDER_TIME, datetime.timezone.utc).strftime(fmt)
    return env


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_inner"), [], [], body).set_lineno(lineno)

    def _inner(self, caller):
        return caller()


def main():
    env = environment()
    templates = []
    vectors = []
    for name, template, ctx in cases():
        try:
            rendered = env.from_string(template).render(
                messages=ctx["messages"], tools=ctx["tools"], documents=None, bos_token="<s>", eos_token="</s>",
                add_generation_prompt=ctx["add_generation_prompt"], **ctx["extra"])
        except Exception:  # Whatever Python raises, we must refuse.
            rendered = None
        if template not in templates:
            templates.append(template)
        vectors.append({"name": name, "template": templates.index(template), **ctx, "rendered": rendered})
    with open(os.path.join(HERE, "templates.json"), "w", encoding="ascii") as f:
        json.dump({"render_time_unix_s": RENDER_TIME, "templates": templates, "vectors": vectors}, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
