"""What a person is told when something went wrong, wherever it is told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import rilievo
from rilievo.errors import EXPECTED, explain


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number), "results/a.png")


@pytest.mark.parametrize(
    ("error", "category", "hopeless", "sentence"),
    [
        (ValueError("size is 0"), "invalid", False, "size is 0"),
        (rilievo.RilievoError("a.png: cut"), "failed", False, "a.png: cut"),
        (rilievo.Cancelled("cancelled"), "cancelled", False, "cancelled"),
        (MemoryError(), "out_of_memory", False, "not enough memory; try a smaller picture"),
        (
            system(errno.ENOSPC),
            "system",
            True,
            "results/a.png: No space left on device; make room, or choose",
        ),
        (system(errno.EROFS), "system", True, "choose another folder"),
        (system(errno.EACCES), "system", False, "results/a.png: Permission denied; check its permissions"),
        (system(errno.EIO), "system", False, os.strerror(errno.EIO)),
        (FileNotFoundError("x: no such file"), "system", False, "x: no such file"),
        (KeyError(), "bug", False, "KeyError"),
    ],
)
def test_every_error_has_a_category_and_a_sentence(
    error: Exception, category: str, hopeless: bool, sentence: str
) -> None:
    problem = explain(error)
    assert (problem.category, problem.hopeless) == (category, hopeless)
    assert sentence in problem.sentence
    assert problem.expected == isinstance(error, EXPECTED)


def test_hosts_add_their_own_words() -> None:
    assert explain(system(errno.ENOSPC), folder="one with -o").sentence.endswith("or choose one with -o")
    assert "memory on the server;" in explain(MemoryError(), here=" on the server").sentence


def test_clients_learn_a_code_and_no_path_of_the_server(caplog: pytest.LogCaptureFixture) -> None:
    api = pytest.importorskip("rilievo.api.errors")
    upload = Path("/var/tmp/uploads/1")
    for error, code, detail in (
        (rilievo.RilievoError(f"{upload}: cut"), "unreadable_picture", "cat.png: cut"),
        (rilievo.RilievoError("/srv/models/a.pth: cut"), "invalid", "[server]/a.pth: cut"),
        (ValueError("size is 0"), "invalid", "size is 0"),
        (MemoryError(), "too_large", "on the server"),
    ):
        answer = api.explain(error, {upload: "cat.png"})
        assert (answer.code, detail in answer.detail) == (code, True)
    assert not caplog.records
    answer = api.explain(system(errno.EIO))
    assert answer.code == "internal"
    assert "results" not in answer.detail
    assert answer.detail.rsplit(maxsplit=1)[-1] in caplog.text
