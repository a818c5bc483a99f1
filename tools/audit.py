"""Ask for known vulnerabilities of what requirements/run.txt pins: `make audit`, which CI runs.

Exits 1 for a finding that requirements/accepted.toml does not name with its reason, and for one named there in vain.
Where the advisories can't be had, it says so and exits 0: a network that is away says nothing about us.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COMMAND = ("--requirement", "requirements/run.txt", "--require-hashes", "--disable-pip", "--format", "json")
SECONDS = 300


def main() -> int:
    """Ask, compare with what is accepted, and say what is new."""
    answer = ask()
    if answer is None:
        print("audit: the advisories can't be had here, nothing was looked at")  # noqa: T201
        return 0
    accepted = tomllib.loads((ROOT / "requirements" / "accepted.toml").read_text())
    lines = judged(answer, accepted)
    print("\n".join(lines) or f"audit: no finding in {len(answer['dependencies'])} packages")  # noqa: T201
    return bool(lines)


def ask() -> dict[str, Any] | None:
    """What pip-audit found; None where it could not look."""
    command = [str(Path(sys.executable).parent / "pip-audit"), *COMMAND, "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603
        answer: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None
    return answer


def judged(answer: dict[str, Any], accepted: dict[str, str]) -> list[str]:
    """A line for each finding that is not accepted, and for each that is accepted and not found."""
    found = {
        finding["id"]: f"{package['name']} {package['version']}: {finding['id']}, mended in "
        f"{', '.join(finding['fix_versions']) or 'no version yet'}"
        for package in answer["dependencies"]
        for finding in package.get("vulns", ())
    }
    new = [line for name, line in found.items() if name not in accepted]
    return new + [f"{name} is accepted and not found: take it out of accepted.toml" for name in accepted.keys() - found]


if __name__ == "__main__":
    raise SystemExit(main())
