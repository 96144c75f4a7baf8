"""Time and size of the report of a study of 20 runs: first without what a report keeps, then with it.

    OMP_NUM_THREADS=1 python benchmarks/report.py

The study is drawn, not trained: five embedding dimensions, four seeds, 1,000 test images of 40 letters. Each report is
written by a separate process, and its time includes the start of Python.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

DRAW = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from sample_results import drawn_material, letters
drawn_material(Path(sys.argv[2]), letters(40, 25))
"""

REPORT = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from dmlcore.report.content.material import gather
from dmlcore.report.render.writing import write_report
from dmlcore.results.store import Store
from dmlcore_plugins.datasets.glyphs import Glyphs
root = Path(sys.argv[2])
runs = {path.name: path.name for path in sorted((root / "letters_dim").iterdir()) if path.is_dir()}
images = Glyphs(classes=80, images_per_class=25, size=48).load("test")
material = gather(Store(root), "letters_dim", "How many?", ("embedding.dim",), runs, images)
write_report([material], [Path(sys.argv[3])])
assert "torch" not in sys.modules
"""


def main() -> None:
    """Prints seconds and megabytes of each report."""
    with tempfile.TemporaryDirectory() as name:
        runs = Path(name) / "runs"
        _python(DRAW, runs)
        for what in ("first", "again"):
            for suffix in ("html", "pdf") if what == "again" else ("html",):
                path = Path(name) / f"report.{suffix}"
                started = time.perf_counter()
                _python(REPORT, runs, path)
                seconds = time.perf_counter() - started
                print(f"{what:6} {suffix:5} {seconds:6.1f} s {path.stat().st_size / 1e6:6.2f} MB")


def _python(code: str, *arguments: Path) -> None:
    subprocess.run([sys.executable, "-c", code, str(ROOT / "tests"), *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
