"""Names are told apart by what they say, not by where they stand."""

import collections
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A class that is made here, not only announced, and no member of another one (Outer::Inner).
DEFINED = re.compile(
    r"^(?:template <[^\n]*>\n)?(?:class|struct|enum class) (?:alignas\([^)]*\) )?(\w+)(?: final)?\s*"
    r"(?::(?!:)[^;{]*)?\{", re.M)


def classes(text):
    return DEFINED.findall(text)


def test_no_two_classes_have_one_name():
    places = collections.defaultdict(set)
    for top in ("src", "apps"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in {".h", ".cpp"}:
                for name in classes(path.read_text(encoding="utf-8")):
                    places[name].add(path.relative_to(ROOT).as_posix())
    assert len(places) > 300, "the pattern finds them no more"
    twice = [f"{name}: {', '.join(sorted(files))}" for name, files in sorted(places.items()) if len(files) > 1]
    assert not twice, "\n".join(twice)


def test_the_pattern_knows_a_class_from_its_members_and_announcements():
    text = """class A;
struct B {
  struct Inner {
  };
};
struct B::Other {
};
template <class T>
class C final : public B<T>,
                Base {
enum class D : int { kOne };
struct alignas(64) E {
"""
    assert classes(text) == ["B", "C", "D", "E"]
