"""``run``, ``refresh`` and ``check`` on real kernels, as few of them as will do."""

import json
import re
import runpy
import sys
import time
from pathlib import Path

import nbclient
import pytest
from nbclient.exceptions import CellExecutionError

from recsys_book import cli
from recsys_book.book.catalog import Page
from recsys_book.book.checks import hash_problems, output_problems
from recsys_book.book.notebooks import KERNEL, LANGUAGE, read_notebook
from recsys_book.commands import check, execute, processes, refresh, run
from recsys_book.commands.processes import Outcome

RECORD = """from recsys_book.book.record import result_path, results_folder, write_json
write_json(result_path("part/two", "smoke", results_folder()), {"finished": "now"})"""


def test_run_reports_the_failing_cell(small_book, add_notebook, capsys):
    add_notebook(small_book / "chapters/part/one.ipynb", "def f():\n    return 1 / 0", "f()")
    add_notebook(small_book / "chapters/part/two.ipynb", RECORD, "print(profile)")
    assert cli.main(["smoke", "--jobs", "2"]) == 1
    text = capsys.readouterr().out
    assert "running 2 chapter(s) at the smoke profile, 2 at a time" in text
    assert re.search(r"== part/one FAILED\ncell \d+:\n  \| f\(\)\n\nraised:", text)
    assert "ZeroDivisionError: division by zero" in text
    assert re.search(r"part/one  FAILED +\d+\.\d s\npart/two  ok +\d+\.\d s\nall +1 of 2 ran", text)
    executed = read_notebook(small_book / "_build/runs/smoke/part__two.ipynb")
    assert executed["cells"][-1]["outputs"][0]["text"] in (["smoke\n"], "smoke\n")
    result = json.loads((small_book / "results/smoke/part__two.json").read_text())
    assert result["wall_seconds"] > 0
    source = read_notebook(small_book / "chapters/part/two.ipynb")
    assert not any(cell.get("outputs") for cell in source["cells"])


def test_refresh_then_check_then_a_changed_number(small_book, edit, capsys):
    assert cli.main(["refresh", "one"]) == 0
    assert "part/one: ok" in capsys.readouterr().out
    path = small_book / "chapters/part/one.ipynb"
    stored = read_notebook(path)
    assert stored["metadata"]["kernelspec"] == KERNEL
    assert stored["metadata"]["language_info"] == LANGUAGE
    assert hash_problems(stored) == output_problems(stored) == []
    assert [cell["id"] for cell in stored["cells"]] == [f"cell-{n}" for n in range(5)]
    assert all("execution" not in cell["metadata"] for cell in stored["cells"])
    assert stored["cells"][3]["outputs"][0]["text"] == ["profile book\n"]
    assert not (small_book / "results").exists()

    content = json.loads(path.read_text("utf-8"))
    content["cells"][4]["outputs"][0]["data"]["text/plain"] = ["3"]
    path.write_text(json.dumps(content), encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["check", "part/one"]) == 1
    text = capsys.readouterr().out
    assert text.splitlines()[-1] == "3 passed, 1 failed"
    assert "== part/one" in text
    assert "mismatch 'text/plain'" in text


def page(name="part/one"):
    return Page(name, None, "Part", "One")


def test_refresh_keeps_the_old_outputs_of_a_failing_chapter(small_book, monkeypatch, capsys):
    error = {"output_type": "error", "ename": "KeyError", "evalue": "'film'", "traceback": []}

    def fake(command, cwd, env, timeout):
        source, target = map(Path, command[-2:])
        content = json.loads(source.read_text("utf-8"))
        content["cells"][3]["outputs"] = [error]
        target.write_text(json.dumps(content), encoding="utf-8")
        return 0, 1.0, ""

    monkeypatch.setattr(refresh, "run_process", fake)
    path = small_book / "chapters/part/two.ipynb"
    before = path.read_bytes()
    assert cli.main(["refresh", "two"]) == 1
    text = capsys.readouterr().out
    assert "== part/two FAILED; its old outputs stay\ncell 4:\n  | 'two'" in text
    assert "  | KeyError: 'film'" in text
    assert path.read_bytes() == before


def test_execution_stops_at_the_first_error(small_book, monkeypatch, tmp_path):
    asked = []

    class Client:
        def __init__(self, notebook, **options):
            self.notebook = notebook
            asked.append(options)

        def execute(self):
            self.notebook["cells"][3]["source"] = "executed"
            if len(asked) == 2:
                raise CellExecutionError("traceback", "E", "no")

    monkeypatch.setattr(nbclient, "NotebookClient", Client)
    source = small_book / "chapters/part/two.ipynb"
    monkeypatch.setattr(sys, "argv", ["execute", str(source), str(tmp_path / "out.ipynb")])
    monkeypatch.delitem(sys.modules, execute.__name__)
    for _ in range(2):
        runpy.run_module(execute.__name__, run_name="__main__")
        assert read_notebook(tmp_path / "out.ipynb")["cells"][3]["source"] == "executed"
        (tmp_path / "out.ipynb").unlink()
    assert asked[0]["resources"] == {"metadata": {"path": str(source.parent)}}
    assert asked[0]["record_timing"] is False


@pytest.mark.parametrize(
    ("status", "text", "report"),
    [
        (None, "", "part/two TIMED OUT; its old outputs stay\nended after 7 s"),
        (3, "one\ntwo\n", "part/two FAILED; its old outputs stay\none\ntwo"),
    ],
)
def test_refresh_reports_a_process_that_ended_badly(
    status, text, report, small_book, monkeypatch, capsys
):
    monkeypatch.setattr(refresh, "run_process", lambda *a, **o: (status, 1.0, text))
    assert cli.main(["refresh", "two", "--timeout", "7"]) == 1
    assert report in capsys.readouterr().out


def test_run_reports_a_process_without_a_notebook(small_book, monkeypatch, capsys):
    outcomes = iter([(None, 9.0, ""), (1, 1.0, "No module named papermill\n")])
    monkeypatch.setattr(run, "run_process", lambda *a, **o: next(outcomes))
    assert cli.main(["run", "--timeout", "9"]) == 1
    text = capsys.readouterr().out
    assert "== part/one TIMED OUT\nended after 9 s: give it more time with --timeout." in text
    assert "== part/two FAILED\nNo module named papermill" in text


def test_run_passes_the_profile_on(small_book, monkeypatch):
    seen = []

    def fake(command, cwd, env, timeout):
        seen.append((command, env))
        return 0, 1.0, ""

    monkeypatch.setattr(run, "run_process", fake)
    threads = [f"{library}_NUM_THREADS" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA")]
    for name in threads:
        monkeypatch.setenv(name, "8")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    assert cli.main(["run", "one", "--profile", "full"]) == 0
    assert cli.main(["run", "one"]) == 0
    (command, env), (_, book_env) = seen
    assert command[-3:] == ["-r", "profile", "full"]
    assert (env["RECSYS_BOOK_PROFILE"], env["OMP_NUM_THREADS"]) == ("full", "8")
    assert (book_env["RECSYS_BOOK_PROFILE"], book_env["OMP_NUM_THREADS"]) == ("book", "1")
    assert {book_env[name] for name in threads} == {"1"}
    assert env["JUPYTER_PREFER_ENV_PATH"] == "1"
    assert "MPLBACKEND" not in env and env["PYTHONHASHSEED"] == "0"


def test_check_sends_results_elsewhere_and_sums_up(small_book, monkeypatch, capsys):
    seen = []

    def fake(command, cwd, env, timeout):
        seen.append(env["RECSYS_BOOK_RESULTS"])
        return 0, 1.0, "....\n3 passed, 1 warning in 2.0s\n"

    monkeypatch.setattr(check, "run_process", fake)
    assert cli.main(["check", "--jobs", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["2 notebook(s), 2.0 s of running", "6 passed, 0 failed"]
    assert len(seen) == 2 and not any(str(small_book / "results") in path for path in seen)


def test_check_reports_a_time_out(small_book, monkeypatch, capsys):
    monkeypatch.setattr(check, "run_process", lambda *a, **o: (None, 9.0, "so far"))
    assert cli.main(["check", "one", "--timeout", "9"]) == 1
    text = capsys.readouterr().out
    assert "== part/one\nended after 9 s\nso far" in text
    assert text.endswith("\n0 passed, 1 failed\n")


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (0, "5 passed in 1s", (5, 0)),
        (1, "x 9 failed\n1 failed, 4 passed in 1s", (4, 1)),
        (1, "2 failed, 1 passed, 1 error in 1s", (1, 3)),
        (1, "3 errors in 1s", (0, 3)),
        (1, "5 passed in 1s", (5, 1)),
        (4, "usage error", (0, 1)),
        (None, "", (0, 1)),
    ],
)
def test_counts_of_a_pytest_process(code, text, expected):
    assert check.counts(Outcome(page(), code, 1.0, text)) == expected


def test_process_ends_with_its_children(tmp_path):
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(60)\n"
    )
    code, seconds, text = processes.run_process(
        processes.python("-c", script), cwd=tmp_path, env=processes.environment("book"), timeout=1
    )
    assert code is None and seconds < 10
    stat = Path(f"/proc/{text.strip()}/stat")
    until = time.monotonic() + 5
    while stat.exists() and stat.read_text().split()[2] != "Z" and time.monotonic() < until:
        time.sleep(0.05)
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


def test_stubborn_process_is_killed(tmp_path, monkeypatch):
    script = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    monkeypatch.setattr(processes, "GRACE", 0.2)
    code, seconds, _ = processes.run_process(
        processes.python("-c", script), cwd=tmp_path, env=processes.environment("book"), timeout=1
    )
    assert code is None and seconds < 10


def test_interruption_ends_the_process(tmp_path, monkeypatch):
    stopped = []

    def interrupted(self, timeout=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(processes.subprocess.Popen, "communicate", interrupted)
    monkeypatch.setattr(processes, "_stop", lambda process: stopped.append(process) or "")
    with pytest.raises(KeyboardInterrupt):
        processes.run_process(processes.python("-c", "pass"), cwd=tmp_path, env={}, timeout=1)
    stopped[0].wait()


def test_one_broken_worker_stops_the_rest():
    def work(page):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        processes.for_each([page(), page("part/two")], work, jobs=1, verdict=str)
