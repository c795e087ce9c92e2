"""The overlay of a variant: what it adds, how its patches read, that they make the variant and refuse another base."""

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonpatch import JsonPatch, JsonPatchTestFailed
from jsonpointer import set_pointer

from labspec.overlay import Overlay, OverlayError, overlay
from labspec.resource import Object, identity
from tests.overlay_cases import Body, as_text, objects, pairs, patched, targeted
from tests.test_yamltext import TEXT


def body(name: str = "frontend", kind: str = "apps/v1/Deployment", namespace: str = "lab", **more: Any) -> Body:
    api_version, _, kind = kind.rpartition("/")
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def changed(old: Any, new: Any) -> list[str]:
    """The operations between two values of `spec`, each on a line."""
    made = overlay(objects([body(spec=old)]), objects([body(spec=new)]))
    assert not made.added
    operations = [each for patch in made.patches for each in yaml.safe_load(patch["patch"])]
    return [
        " ".join([each["op"], each["path"], *([repr(each["value"])] if "value" in each else [])]) for each in operations
    ]


def targets(made: Overlay) -> list[str]:
    """The targets of the patches, by the fields that are not the same in all of these tests."""
    return [" ".join(patch["target"].get(key, "*") for key in ("kind", "namespace", "name")) for patch in made.patches]


def makes(base: list[Object], variant: list[Object]) -> bool:
    """Whether the overlay makes the variant of the base."""
    return as_text(patched(base, overlay(base, variant)).values()) == as_text(each.body for each in variant)


@pytest.mark.parametrize(
    ("old", "new", "operations"),
    [
        pytest.param({"a": 1}, {"a": 1}, [], id="nothing"),
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, [], id="the order of keys is none"),
        pytest.param({"a": 1.0}, {"a": 1}, [], id="one way to write a number"),
        pytest.param({"a": (1, 2)}, {"a": [1, 2]}, [], id="a tuple is a list"),
        pytest.param({"a": 1}, {"a": 2}, ["test /spec/a 1", "replace /spec/a 2"], id="a scalar"),
        pytest.param({"a": True}, {"a": 1}, ["test /spec/a True", "replace /spec/a 1"], id="true is not 1"),
        pytest.param({"a": "80"}, {"a": 80}, ["test /spec/a '80'", "replace /spec/a 80"], id="a string is no number"),
        pytest.param({"a": ""}, {"a": "x"}, ["test /spec/a ''", "replace /spec/a 'x'"], id="an empty string"),
        pytest.param(
            {"a": {"b": {"c": 1, "d": 2}}},
            {"a": {"b": {"c": 1, "d": 3}}},
            ["test /spec/a/b/d 2", "replace /spec/a/b/d 3"],
            id="deep inside",
        ),
        pytest.param(
            {"b": 1, "a": 1, "c": 1},
            {"d": 1, "c": 2, "b": 2},
            [
                "test /spec/b 1",
                "replace /spec/b 2",
                "test /spec/a 1",
                "remove /spec/a",
                "test /spec/c 1",
                "replace /spec/c 2",
                "add /spec/d 1",
            ],
            id="in document order",
        ),
        pytest.param(
            {"a": 1}, {"a": 1, "b": {"c": 2}}, ["add /spec/b {'c': 2}"], id="a parent map comes with its keys"
        ),
        pytest.param({"k": 1, "a": {}}, {"k": 1, "a": {"b": 1}}, ["add /spec/a/b 1"], id="into an empty map"),
        pytest.param(
            {"k": 1, "a": []}, {"k": 1, "a": [1, 2]}, ["add /spec/a/- 1", "add /spec/a/- 2"], id="into an empty list"
        ),
        pytest.param({"k": 1}, {"k": 1, "a": {}, "b": []}, ["add /spec/a {}", "add /spec/b []"], id="empty values"),
        pytest.param(
            {"a": {"b": 1}}, {"a": {}}, ["test /spec/a/b 1", "replace /spec/a {}"], id="a map that stays empty"
        ),
        pytest.param({"a": [1]}, {"a": []}, ["test /spec/a/0 1", "replace /spec/a []"], id="a list that stays empty"),
        pytest.param(
            {"a": {}}, {"a": "x"}, ["test /spec/a {}", "replace /spec/a 'x'"], id="an empty map has no scalar"
        ),
        pytest.param(
            {"a": 1, "b": []}, {"a": 1}, ["test /spec/b []", "remove /spec/b"], id="an empty list has no scalar"
        ),
        pytest.param(
            {"http": {"port": 1}},
            {"grpc": {"port": 1}},
            ["test /spec/http/port 1", "replace /spec {'grpc': {'port': 1}}"],
            id="maps without a common key",
        ),
        pytest.param(
            {"a": 1, "b": {"c": {"d": {}}, "e": [True, "f"], "image": "h", "name": "g"}},
            {"a": 1},
            ["test /spec/b/name 'g'", "remove /spec/b"],
            id="a name identifies",
        ),
        pytest.param(
            {"a": 1, "b": {"c": {"d": {}}, "e": [True, "f"], "g": ""}},
            {"a": 1},
            ["test /spec/b/g ''", "remove /spec/b"],
            id="a text before what lies deeper",
        ),
        pytest.param(
            {"a": 1, "b": {"c": {"d": {}}, "e": [True, "f"]}},
            {"a": 1},
            ["test /spec/b/e/1 'f'", "remove /spec/b"],
            id="a scalar rather than an empty map",
        ),
        pytest.param(
            {"a/b": 1, "c~d": 1, "~1": 1, "": 1},
            {"a/b": 2, "c~d": 2, "~1": 2, "": 2},
            [
                f"{what} /spec/{key} {value}"
                for key in ("a~1b", "c~0d", "~01", "")
                for what, value in (("test", 1), ("replace", 2))
            ],
            id="keys are escaped",
        ),
    ],
)
def test_maps(old: Any, new: Any, operations: list[str]) -> None:
    assert changed(old, new) == operations


@pytest.mark.parametrize(
    ("old", "new", "operations"),
    [
        ("abc", "abd", ["test /spec/l/2 'c'", "replace /spec/l/2 'd'"]),
        ("abc", "abxc", ["add /spec/l/2 'x'"]),
        ("abc", "xyabc", ["add /spec/l/0 'x'", "add /spec/l/1 'y'"]),
        ("abc", "abcxy", ["add /spec/l/- 'x'", "add /spec/l/- 'y'"]),
        ("abc", "ac", ["test /spec/l/1 'b'", "remove /spec/l/1"]),
        ("abc", "a", ["test /spec/l/1 'b'", "remove /spec/l/1", "test /spec/l/1 'c'", "remove /spec/l/1"]),
        ("aa", "aaa", ["add /spec/l/- 'a'"]),
        ("aaa", "aa", ["test /spec/l/2 'a'", "remove /spec/l/2"]),
        ("abc", "axyc", ["test /spec/l/1 'b'", "replace /spec/l ['a', 'x', 'y', 'c']"]),
    ],
)
def test_lists_without_names(old: str, new: str, operations: list[str]) -> None:
    assert changed({"l": list(old)}, {"l": list(new)}) == operations


@pytest.mark.parametrize(
    ("old", "new", "operations"),
    [
        pytest.param("a1 b2", "a1 b3", ["test /spec/l/1/v '2'", "replace /spec/l/1/v '3'"], id="within"),
        pytest.param("a1 b2", "a1 c2", ["test /spec/l/1/name 'b'", "replace /spec/l/1/name 'c'"], id="another name"),
        pytest.param(
            "a1 b2", "a1 c3", ["test /spec/l/1/name 'b'", "replace /spec/l/1 {'name': 'c', 'v': '3'}"], id="another"
        ),
        pytest.param("a1 b2", "a1 x9 b2", ["add /spec/l/1 {'name': 'x', 'v': '9'}"], id="in"),
        pytest.param("a1 b2", "a1 b2 x9", ["add /spec/l/- {'name': 'x', 'v': '9'}"], id="at the end"),
        pytest.param("a1 b2 c3", "a1 c3", ["test /spec/l/1/name 'b'", "remove /spec/l/1"], id="out"),
        pytest.param(
            "a1 b2 c3",
            "x9 b2 c4",
            [
                "test /spec/l/0/name 'a'",
                "replace /spec/l/0 {'name': 'x', 'v': '9'}",
                "test /spec/l/2/v '3'",
                "replace /spec/l/2/v '4'",
            ],
            id="instead",
        ),
        pytest.param(
            "a1 b2 c3",
            "b4 c3 x9",
            [
                "test /spec/l/0/name 'a'",
                "remove /spec/l/0",
                "test /spec/l/0/v '2'",
                "replace /spec/l/0/v '4'",
                "add /spec/l/- {'name': 'x', 'v': '9'}",
            ],
            id="indexes shift",
        ),
        pytest.param(
            "a1 b2",
            "b2 a1",
            ["test /spec/l/0/name 'a'", "replace /spec/l [{'name': 'b', 'v': '2'}, {'name': 'a', 'v': '1'}]"],
            id="another order",
        ),
    ],
)
def test_lists_with_names(old: str, new: str, operations: list[str]) -> None:
    def items(text: str) -> list[Body]:
        return [{"name": each[0], "v": each[1]} for each in text.split()]

    assert changed({"l": items(old)}, {"l": items(new)}) == operations


def test_a_script_is_replaced_whole_after_a_test_of_the_whole() -> None:
    old, new = ("set -eu\n" + "echo one\n" * 40 + end for end in ("true\n", "false\n"))
    assert changed({"args": [old]}, {"args": [new]}) == [f"test /spec/args/0 {old!r}", f"replace /spec/args/0 {new!r}"]


def test_objects_of_one_side_are_added_and_deleted() -> None:
    service, telemetry = body(kind="v1/Service"), body("new", "telemetry.istio.io/v1/Telemetry")
    added = Object(telemetry, {("spec",): "a comment"})
    made = overlay(objects([service, body(kind="v1/Namespace", namespace="")]), [added])
    assert made.added == (added,)
    assert [patch["patch"] for patch in made.patches] == [
        '"$patch": delete\napiVersion: v1\nkind: Service\nmetadata:\n  name: frontend\n  namespace: lab\n',
        '"$patch": delete\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: frontend\n',
    ]


def test_the_same_objects_need_no_overlay() -> None:
    same = objects([body(), body("backend")])
    assert overlay(same, same[::-1]) == Overlay((), ())


def test_a_patch_as_it_is_written() -> None:
    old = body(kind="v1/Service", spec={"ports": [{"name": "http", "port": 80}], "yes": "no"})
    new = body(kind="v1/Service", spec={"ports": [{"name": "http", "port": "80"}], "yes": "no", "text": "a\nb\n"})
    made = overlay(objects([old]), objects([new]))
    assert [dict(patch) for patch in made.patches] == [
        {
            "target": {"version": "v1", "kind": "Service", "name": "frontend", "namespace": "lab"},
            "patch": """\
- op: test
  path: /spec/ports/0/port
  value: 80
- op: replace
  path: /spec/ports/0/port
  value: "80"
- op: add
  path: /spec/text
  value: |
    a
    b
# end
""",
        }
    ]


def marked(*names: str, by: str, kind: str = "apps/v1/Deployment", namespace: str = "lab") -> list[Body]:
    return [body(name, kind, namespace, spec={"by": by}) for name in names]


TELEMETRY = "telemetry.istio.io/v1/Telemetry"


@pytest.mark.parametrize(
    ("changing", "staying", "expected"),
    [
        pytest.param(marked("a", by="1"), [], ["Deployment lab a"], id="one"),
        pytest.param(marked("a", "b", by="1"), marked("c", by="1"), ["Deployment lab a|b"], id="some"),
        pytest.param(marked("a", "b", by="1"), [], ["Deployment * *"], id="every Deployment"),
        pytest.param(marked("a", "b", by="1", kind=TELEMETRY), [], ["Telemetry lab a|b"], id="every other kind"),
        pytest.param(marked("a.b", by="1"), marked("a-b", "axb", by="1"), [r"Deployment lab a\.b"], id="a dot"),
        pytest.param(marked("a-b", by="1"), [], ["Deployment lab a-b"], id="a hyphen"),
        pytest.param(
            [*marked("a", by="1", namespace="x"), *marked("b", by="1", namespace="y")],
            marked("c", by="1"),
            ["Deployment * a|b"],
            id="two namespaces",
        ),
        pytest.param(
            [*marked("a", by="1", namespace="x"), *marked("b", by="1", namespace="y")],
            marked("a", by="1", namespace="y"),
            ["Deployment x a", "Deployment y b"],
            id="a name that is not meant elsewhere",
        ),
        pytest.param(
            [*marked("a", by="1"), *marked("a", by="1", kind=TELEMETRY)],
            [],
            ["Deployment lab a", "Telemetry lab a"],
            id="two kinds",
        ),
        pytest.param(marked("a", by="1", kind="v1/Namespace", namespace=""), [], ["Namespace * a"], id="no namespace"),
    ],
)
def test_targets_name_what_changes_and_nothing_else(
    changing: list[Body], staying: list[Body], expected: list[str]
) -> None:
    variant = [{**each, "spec": {"by": "2"}} for each in changing]
    made = overlay(objects([*changing, *staying]), objects([*variant, *staying]))
    assert targets(made) == expected
    assert makes(objects([*changing, *staying]), objects([*variant, *staying]))


def test_an_added_deployment_is_not_patched() -> None:
    base, added = marked("a", "b", by="1"), marked("c", by="2")
    made = overlay(objects(base), objects([*marked("a", "b", by="2"), *added]))
    assert targets(made) == ["Deployment lab a|b"]


def test_shared_changes_are_one_patch_beside_those_of_one_object() -> None:
    def lab(variant: str, image: str) -> list[Object]:
        shared = {"labspec/variant": variant}
        images = {"frontend": image, "backend": "b:1", "other": "c:1"}
        return objects(
            body(name, spec={"image": each, "mark": shared if name != "other" else {}}) for name, each in images.items()
        )

    made = overlay(lab("base", "a:1"), lab("V", "a:2"))
    assert targets(made) == ["Deployment lab frontend", "Deployment lab frontend|backend"]
    assert [[each["path"] for each in yaml.safe_load(patch["patch"])] for patch in made.patches] == [
        ["/spec/image"] * 2,
        ["/spec/mark/labspec~1variant"] * 2,
    ]


def test_a_namespace_that_is_left_out_is_default() -> None:
    named = [body(namespace="default", spec=1), body(namespace="", spec=2)]
    with pytest.raises(OverlayError, match="no target of a patch names apps/v1 Deployment default frontend alone"):
        overlay(objects(named), objects([{**named[0], "spec": 3}, named[1]]))


@pytest.mark.parametrize(
    ("base", "variant", "message"),
    [
        ([body(), body()], [], "apps/v1 Deployment lab frontend is there twice"),
        ([], [body(spec={"a/b": [None]})], "/spec/a~1b/0 is null: leave the key out"),
        (
            [body("s", "v1/Service", spec=1), body("s", "serving.knative.dev/v1/Service")],
            [body("s", "v1/Service", spec=2), body("s", "serving.knative.dev/v1/Service")],
            "no target of a patch names v1 Service lab s alone",
        ),
    ],
)
def test_what_no_overlay_can_carry_is_refused(base: list[Body], variant: list[Body], message: str) -> None:
    with pytest.raises(OverlayError, match=message):
        overlay(objects(base), objects(variant))


def test_what_is_compared_stays_as_it_is() -> None:
    bodies = [
        body(spec={"l": [{"name": "a", "v": {}}]}),
        body(spec={"l": [{"name": "b", "v": {"w": 1}}, {"name": "a"}]}),
    ]
    before = copy.deepcopy(bodies)
    overlay(objects(bodies[:1]), objects(bodies[1:]))
    assert bodies == before


VALUE: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXT, st.integers(), st.booleans(), st.floats(-9, 9).filter(lambda number: not number.is_integer())),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(TEXT, inner, max_size=4),
        st.lists(
            st.builds(lambda name, value: {"name": name, "value": value}, st.sampled_from("abcde"), inner), max_size=4
        ),
    ),
    max_leaves=12,
)
SPECS = st.dictionaries(st.sampled_from(["a", "b", "c/d"]), VALUE, max_size=3)
LABS = st.dictionaries(st.sampled_from(["a", "b", "a.b", "a-b"]), SPECS, max_size=4)


@settings(max_examples=150, deadline=None)
@given(LABS, LABS)
def test_the_overlay_makes_the_variant(old: dict[str, Any], new: dict[str, Any]) -> None:
    base, variant = (objects(body(name, spec=spec) for name, spec in lab.items()) for lab in (old, new))
    assert makes(base, variant)


@pytest.mark.parametrize("seed", range(4))
def test_the_overlay_makes_the_variant_of_the_cases(seed: int) -> None:
    for base, variant in pairs(50, seed):
        assert makes(base, variant)


def changes(seed: int) -> Iterator[tuple[Body, list[Body]]]:
    """An object as a test finds it, and the operations from this test on, for each test of some overlays."""
    for base, variant in pairs(50, seed):
        bodies = {identity(each.body): dict(each.body) for each in base}
        for patch in overlay(base, variant).patches:
            operations = yaml.safe_load(patch["patch"]) if "target" in patch else []
            for name in targeted(patch.get("target", {}), bodies) if operations else []:
                for index, operation in enumerate(operations):
                    if operation["op"] == "test":
                        yield bodies[name], operations[index:]
                    bodies[name] = JsonPatch([operation]).apply(bodies[name])


@pytest.mark.parametrize("seed", range(4))
def test_a_base_that_drifted_is_refused(seed: int) -> None:
    for found, operations in changes(seed):
        drifted = set_pointer(found, operations[0]["path"], "no more", inplace=False)
        with pytest.raises(JsonPatchTestFailed):
            JsonPatch(operations).apply(drifted)


def has_scalar(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(has_scalar, value.values() if isinstance(value, dict) else value))
    return True


@pytest.mark.parametrize("seed", range(4))
def test_a_test_stands_before_each_replace_and_remove(seed: int) -> None:
    for base, variant in pairs(50, seed):
        for patch in overlay(base, variant).patches:
            operations = yaml.safe_load(patch["patch"]) if "target" in patch else []
            for before, operation in pairwise([{"op": ""}, *operations]):
                assert (before["op"] == "test") == (operation["op"] in {"replace", "remove"})
                if before["op"] == "test":
                    assert f"{before['path']}/".startswith(f"{operation['path']}/")
                    assert not isinstance(before["value"], dict | list) or not has_scalar(before["value"])
