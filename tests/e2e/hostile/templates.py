"""Chat templates: endless, deep, greedy and broken ones, alone and inside a model file."""
import json

from .case import bad, good, run
from .gguf import STRING, U32, ARRAY, array
from . import models

CASE = {"messages": [{"role": "user", "content": "Hi"}], "tools": None,
    "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>"}
COMMAND = ["debug", "template", "t.jinja", "--input", "case.json"]


SYNTAX = {
    "unclosed for": "{% for m in messages %}",
    "unclosed if": "{% if true %}",
    "unclosed expression": "{{ messages",
    "unclosed tag": "{% if",
    "unclosed comment": "{# never",
    "unclosed string": "{{ 'abc }}",
    "unclosed list": "{{ [1, 2 }}",
    "unclosed call": "{{ f(1 }}",
    "unclosed raw": "{% raw %}{{",
    "unclosed macro": "{% macro f() %}",
    "unclosed set": "{% set x %}",
    "lonely endfor": "{% endfor %}",
    "lonely else": "{% else %}",
    "crossed blocks": "{% for m in messages %}{% if true %}{% endfor %}{% endif %}",
    "for without in": "{% for x %}{% endfor %}",
    "empty expression": "{{ }}",
    "empty tag": "{% %}",
    "unknown tag": "{% explode %}",
    "assignment in expression": "{{ a = 1 }}",
    "two operators": "{{ 1 + * 2 }}",
    "unbalanced": "{{ ((1) }}",
    "filter without name": "{{ 1 | }}",
    "test without name": "{{ 1 is }}",
    "set without value": "{% set x = %}",
    "strange character": "{{ $x }}",
    "backslash": "{{ \\ }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}",
    "extends": "{% extends 'x' %}",
    "from": "{% from 'x' import y %}",
    "break outside": "{% break %}",
}

RUNTIME = {"unknown filter": "{{ 'a' | explode }}", "unknown test": "{{ 1 is explosive }}",
    "unknown function": "{{ explode() }}", "raises": "{{ raise_exception('no system message') }}",
    "raises many lines": "{{ raise_exception('a\\nb\\x1b[31m\\n' * 10) }}",
    "raises megabytes": "{{ raise_exception('a' * 1000000) }}", "division by zero": "{{ 1 / 0 }}",
    "floor division by zero": "{{ 1 // 0 }}", "modulo zero": "{{ 1 % 0 }}",
    "string plus number": "{{ 'a' + 1 }}", "number of a list": "{{ [1] - 1 }}",
    "call of a string": "{{ 'a'() }}", "item of nothing": "{{ nothing.a.b }}",
    "loop over a number": "{% for x in 5 %}{% endfor %}",
    "unpack too few": "{% for a, b in [[1]] %}{% endfor %}",
    "missing macro arguments": "{% macro f(a) %}{{ a.b.c }}{% endmacro %}{{ f() }}",
    "wrong method": "{{ 'a'.explode() }}", "to the power": "{{ 9 ** 9 ** 9 ** 9 }}",
    "compare": "{{ 1 < 'a' }}", "huge shift": "{{ 'a' * 99999999999999999999 }}",
    "negative index out": "{{ [1][-2].x.y }}", "join of numbers": "{{ 5 | join }}",
    "strftime of a number": "{{ strftime_now(5) }}",
    "self in class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ raise_exception.__globals__['os'].system('id') }}",
    "init": "{{ cycler.__init__.__globals__ }}", "format tricks": "{{ '%(a)s' % 5 }}"}

ENDLESS = {
    "range of 10^9": "{% for x in range(1000000000) %}{% endfor %}",
    "range of 10^18": "{% for x in range(10 ** 18) %}{% endfor %}",
    "list of a range": "{{ range(1000000000) | list }}",
    "length of a list of a range": "{{ range(1000000000) | list | length }}",
    "nested loops": "{% for x in range(1000) %}" * 5 + "{% endfor %}" * 5,
    "string times 10^10": "{{ '-' * 10000000000 }}",
    "string times 10^7, eight times": "{{ " + " + ".join(["'-' * 10000000"] * 8) + " }}",
    "list times 10^10": "{{ [1] * 10000000000 }}",
    "doubling": "{% set ns = namespace(s='a') %}{% for x in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
    "doubling lists": "{% set ns = namespace(s=[1]) %}{% for x in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
    "nesting lists": "{% set ns = namespace(s=[1]) %}{% for x in range(100000) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s | tojson }}",
    "nesting lists unseen": "{% set ns = namespace(s=[1]) %}{% for x in range(3000000) %}{% set ns.s = [ns.s] %}{% endfor %}",
    "indent": "{{ ('a\\n' * 100000) | indent(100000) }}",
    "indent huge": "{{ 'a\\nb' | indent(10000000000) }}",
    "tojson indent": "{{ [[1, 2], [3]] | tojson(indent=1000000000) }}",
    "center": "{{ 'a' | center(10000000000) }}",
    "ljust": "{{ 'a'.ljust(10000000000) }}",
    "zfill": "{{ 'a'.zfill(10000000000) }}",
    "format width": "{{ '%10000000000d' % 1 }}",
    "format method width": "{{ '{:>10000000000}'.format('a') }}",
    "format star": "{{ '%*d' % (10000000000, 1) }}",
    "format precision": "{{ '%.2000000000f' % 1 }}",
    "replace grows": "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
    "replace of nothing": "{{ ('a' * 1000000).replace('', 'b' * 1000000) }}",
    "join grows": "{{ range(100000) | join('a' * 100000) }}",
    "macro calls itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "macros call each other": "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
    "macro with caller": "{% macro f() %}{% call f() %}{% endcall %}{% endmacro %}{{ f() }}",
    "batch": "{{ range(10) | batch(1000000000, 'x') | list }}",
    "slice": "{{ range(10) | slice(1000000000) | list }}",
    "recursive loop": "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "output": "{% for x in range(900000) %}" + "a" * 500 + "{% endfor %}",
    "wordwrap": "{{ ('a ' * 1000000) | wordwrap(1) | length }}{{ 'a' * 10 ** 10 }}",
    "split": "{{ ('a,' * 8000000).split(',') | length }}",
    "sort": "{% for y in range(3000) %}{% set x = range(100000) | sort %}{% endfor %}",
    "unique": "{% for y in range(3000) %}{% set x = range(10000) | unique | list %}{% endfor %}",
    "lipsum": "{{ lipsum(n=1000000000) }}",
    "in long text": "{% for y in range(100000) %}{% set x = ('a' * 1000 + 'b') in ('a' * 100000) %}{% endfor %}",
}

DEEP = {"parentheses": "{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}",
    "lists": "{{ " + "[" * 100_000 + "]" * 100_000 + " }}", "unclosed lists": "{{ " + "[" * 100_000,
    "dicts": "{{ " + "{'a':" * 50_000 + "1" + "}" * 50_000 + " }}",
    "minuses": "{{ " + "-" * 100_000 + "1 }}",
    "ifs": "{% if 1 %}" * 20_000 + "{% endif %}" * 20_000,
    "fors": "{% for a in b %}" * 20_000 + "{% endfor %}" * 20_000,
    "calls": "{{ f" + "(f" * 50_000 + ")" * 50_000 + " }}",
    "items": "{{ a" + "[a" * 50_000 + "]" * 50_000 + " }}",
    "macros": "{% macro f() %}" * 20_000 + "{% endmacro %}" * 20_000,
    "powers": "{{ " + "2 ** " * 50_000 + "1 }}",
    "sets": "{% set x %}" * 20_000 + "{% endset %}" * 20_000,
    "filter blocks": "{% filter upper %}" * 20_000 + "{% endfilter %}" * 20_000}

# Long but flat, or strange but fine.
LEGAL = {
    "nots": "{{ " + "not " * 100_000 + "1 }}",
    "ternaries": "{{ " + "1 if 1 else " * 50_000 + "1 }}",
    "odd number": "{{ 1.2.3 }}",
    "empty": "",
    "only text": "hello",
    "megabyte of text": "a" * 1_000_000,
    "many tags": "{{ 1 }}" * 50_000,
    "many comments": "{# a #}" * 50_000,
    "long sum": "{{ " + "1 + " * 20 + "1 }}",
    "unicode": "ü 漢字 👩‍👩‍👧 {{ 'é' | upper }}",
    "undefined prints nothing": "{{ nothing }}",
    "negative range": "{% for x in range(10, 0, -3) %}{{ x }}{% endfor %}",
    "range of a thousand": "{% for x in range(1000) %}{{ x }}{% endfor %}",
    "string times": "{{ '-' * 1000 }}",
    "times nothing": "{{ 'a' * -5 }}",
    "slice": "{{ 'abcdef'[::-1] }}",
    "big numbers": "{{ 9007199254740993 }}",
    "whitespace": "{%- for m in messages -%}  {{- m.role -}}  {%- endfor -%}",
    "windows line ends": "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\n",
    "macro": "{% macro f(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(1, b=3) }}",
    "nested": "{% if 1 %}" * 30 + "x" + "{% endif %}" * 30,
    "percent and braces": "% } { }} %} #}",
    "raw": "{% raw %}{{ no }}{% endraw %}",
    "null character in a string": "{{ 'a' ~ 'b' }}",
    "tojson": "{{ messages | tojson(indent=2) }}",
    "strftime": "{{ strftime_now('%Y') | length }}",
}


def alone(name, text, expect=bad):
    raw = text if isinstance(text, bytes) else text.encode()
    files = {"t.jinja": raw, "case.json": json.dumps(CASE).encode()}
    if expect is good:
        return good("template legal " + name, files, COMMAND)
    return bad("template " + name, files, COMMAND, "t.jinja")


def in_model(name, text):
    raw = models.changed(lambda m: m.set("tokenizer.chat_template", STRING, text))
    return bad("template in a model " + name, {"m.gguf": raw}, run("m.gguf"), "m.gguf")


def inputs():
    texts = {"empty": b"", "a list": b"[]", "null": b"null", "no JSON": b"hello",
        "deep": b'{"messages":' + b"[" * 100_000, "cut": b'{"messages": [',
        "no UTF-8": b'{"messages": "\xff"}', "a number": b"7"}
    return [
        bad("template input " + name, {"t.jinja": b"x", "case.json": text}, COMMAND, "case.json")
        for name, text in texts.items()
    ]


def cases(hearth):
    out = []
    for name, text in (SYNTAX | RUNTIME | ENDLESS | DEEP).items():
        out.append(alone(name, text))
    for name, text in (
        list(SYNTAX.items())[::4]
        + list(RUNTIME.items())[::4]
        + list(ENDLESS.items())[::2]
        + list(DEEP.items())
    ):
        out.append(in_model(name, text))
    for name, raw in (("no UTF-8", b"\xff\xfe"), ("half a character", "ü".encode()[:1]),
        ("binary", bytes(range(256)) * 4), ("over a megabyte", b"a" * 1_500_000)):
        out.append(alone(name, raw))
    for name, text in LEGAL.items():
        out.append(alone(name, text, good))
    for kind, value in ((U32, 7), (ARRAY, array(STRING, ["{{ 1 }}"]))):
        out.append(
            bad(f"template in a model of type {kind}",
                {"m.gguf": models.changed(lambda m: m.set("tokenizer.chat_template", kind, value))},
                run("m.gguf"), "m.gguf", "chat_template")
        )
    files = {"case.json": json.dumps(CASE).encode()}
    out.append(bad("no template file", files, COMMAND, "t.jinja"))
    out.append(bad("no input file", {"t.jinja": b"x"}, COMMAND, "case.json"))
    return out + inputs()
