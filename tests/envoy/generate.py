"""Random access log formats, made from the operator table; a seeded Random makes them again."""

from random import Random

from labspec.envoy.operators import OPERATORS, ArgumentRule, OperatorRule

_LITERALS = ("[", "] ", " ", '"', "%%", "é", "\t", "code=", "(x)", ":5", "a?b", "{}", "\n", "A_B", "%%%%")

_FITTING = {
    "text": ("x", "a:b", "NAME", "/24", "a b", "é", "A%B"),
    "headers": ("X-REQUEST-ID", ":path", "x_y?:authority", "a?", "?b", "traceparent", "x!#$&'*+-.^_`|~y"),
    "time": ("%Y-%m-%dT%H:%M:%S.%3fZ", "%s", "%s.%9f", "%", "any text", "%10n"),
    "duration": ("DS_RX_BEG:DS_TX_END", "US_TX_BEG:US_RX_END:us", "a:b:ns", ":"),
    "filter-state": ("a", "a:PLAIN", "a:TYPED", "a:FIELD:b", "a:", "a:PLAIN:"),
    "cel": ("request.path", "request.headers['x-request-id']", 'has(request.path) ? "a" : "b"'),
    "coalesce": (
        '{"operators":["HOSTNAME",{"command":"REQ","param":"a","max_length":5}]}',
        '{"operators":[{"command":"START_TIME","param":"%s"}],"more":null}',
    ),
}
_UNFITTING = {
    "headers": ("a b", "a?b?c", "a:b", "x/y", "é", " "),
    "time": ("%n", "%-5n", "%Y%%n"),
    "duration": ("a", "a:b:s", "a:b:ms:c", "a:b:"),
    "filter-state": (":PLAIN", "a:plain", "a:FIELD", "a:TYPED:b", "a::b"),
    "cel": (" ", "\t"),
    "coalesce": ("x", "{}", '{"operators":[]}', '{"operators":["REQ"]}', '{"operators":[1]}', '{"operators":["NOPE"]}'),
}


def _fitting(rule: ArgumentRule, random: Random) -> str:
    if rule.kind != "choice":
        return random.choice(_FITTING[rule.kind])
    parts = [random.choice(choices or ("any",)) for choices in rule.choices]
    return ":".join(parts[: random.randint(1, len(parts))])


def _unfitting(rule: ArgumentRule, random: Random) -> str:
    return "nope" if rule.kind in {"choice", "nothing"} else random.choice(_UNFITTING[rule.kind])


def _operator(rule: OperatorRule, random: Random, envoy: str) -> str:
    argument, length = rule.argument, ""
    takes = argument.kind != "nothing" and rule.argument_first <= envoy
    if takes and (argument.required or random.random() < 0.5):
        parentheses = f"({_fitting(argument, random)})"
    else:
        parentheses = random.choice(("", "", "()"))
    if rule.length and random.random() < 0.4:
        length = f":{random.choice((0, 1, 36, 65536))}"
    return f"%{rule.name}{parentheses}{length}%"


def valid(random: Random, envoy: str) -> str:
    """A format that this Envoy minor takes."""
    rules = [rule for rule in OPERATORS.values() if rule.is_in(envoy)]
    kinds = sorted({rule.argument.kind for rule in rules})
    pieces: list[str] = []
    for _ in range(random.randint(1, 5)):
        # By kind first: most operators take nothing and would crowd the others out.
        kind = random.choice(kinds)
        rule = random.choice([rule for rule in rules if rule.argument.kind == kind])
        pieces += [random.choice(_LITERALS), _operator(rule, random, envoy), random.choice(_LITERALS)]
    return "".join(pieces)


def fault(random: Random, envoy: str) -> str:
    """One piece of a format that this Envoy minor refuses."""
    rule = random.choice([rule for rule in OPERATORS.values() if rule.is_in(envoy) and rule.argument.kind != "text"])
    length = "" if rule.length else ":3"
    newer = [rule.name for rule in OPERATORS.values() if rule.first > envoy]
    return random.choice(
        (
            f"%{rule.name}({_unfitting(rule.argument, random)})%",
            f"%{rule.name}_NOT%",
            f"%{rule.name.lower()}%",
            f"%{rule.name}({_unfitting(rule.argument, random)}){length}%",
            "% ",
            "%REQ%",
            "%ENVIRONMENT()%",
            f"%{rule.name}:x%",
            f"%{random.choice(newer or ['NOPE'])}%",
        )
    )


def broken(random: Random, envoy: str) -> str:
    """A format that this Envoy minor refuses."""
    return valid(random, envoy) + " " + fault(random, envoy) + " " + valid(random, envoy)


def mutant(random: Random, envoy: str) -> str:
    """A format with some characters changed: often broken, sometimes still good. CEL is not in it, whose syntax labspec leaves open."""
    text = valid(random, envoy)
    while "CEL" in text:
        text = valid(random, envoy)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(text))
        text = text[:at] + random.choice(("", *"%%()?:_ A9x\n")) + text[at + random.randint(0, 1) :]
    return text
