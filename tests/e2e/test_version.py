"""`ocellus --version`: what it says is built in is what works."""

from test_cli import run


def test_version_tells_what_is_built_in_and_what_is_not(tmp_path):
    first, *rest = run("--version").stdout.splitlines()
    assert first.startswith("ocellus 0.")
    says = {line[:13].strip(): line[13:] for line in rest}
    assert says["commit"]
    assert says["engines"].startswith("cpu, reference")
    assert ("the engine mlx" in says["left out"]) == ("mlx" not in says["engines"])
    assert ("xgrammar" in says["left out"]) == ("xgrammar" not in says["json_schema"])
    assert "Boost 1." in says["built with"] and "Highway 1." in says["built with"]
    # What it says is what it does.
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "boolean"}')
    has = "xgrammar" in says["json_schema"]
    done = run("ask", "--model", "demo", "--json-schema", schema, "Is it red?", code=0 if has else 1)
    assert not has or done.stdout.strip() in ("true", "false")
    run("ask", "--model", "demo", "--engine", "mlx", "--device", "cpu", "Hello", code=0 if "mlx" in says["engines"] else 1)
