"""What every error answer must look like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import requests


def assert_problem(answer: requests.Response, codes: str | Iterable[str], *, stage: str | None = None,
                   status: int | None = None, hints: bool = True) -> dict[str, Any]:  # fmt: skip
    """Checks an RFC 9457 problem with one of these codes and returns it."""
    wanted = {codes} if isinstance(codes, str) else set(codes)
    assert answer.status_code >= 400, f"{answer.status_code} {answer.text[:500]}"
    assert answer.headers["Content-Type"].split(";")[0] == "application/problem+json", answer.text[:500]
    problem = answer.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(problem), problem
    assert problem["status"] == answer.status_code
    assert problem["code"] in wanted, problem
    if status is not None:
        assert answer.status_code == status, problem
    if stage is not None:
        assert problem.get("stage") == stage, problem
    if hints:
        assert problem.get("hints"), f"no hints: {problem}"
        assert all(isinstance(hint, str) and len(hint) > 10 for hint in problem["hints"]), problem
    return problem


def failed_stage(report: dict[str, Any]) -> dict[str, Any]:
    """Returns the one failed stage of a test report; the stages after it must be skipped."""
    failed = [stage for stage in report["stages"] if stage["status"] == "failed"]
    assert report["status"] == "failed", report
    assert len(failed) == 1, report
    after = report["stages"][report["stages"].index(failed[0]) + 1 :]
    assert all(stage["status"] == "skipped" for stage in after), report
    return failed[0]
