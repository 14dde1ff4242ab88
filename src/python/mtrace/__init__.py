"""Which lines of a Python program hold its memory, what grew, and what made the peak.

The module has the names and the behaviour of the standard library's tracemalloc. A program only has
to change its import:

    import mtrace as tracemalloc

The module adds `write_snapshot`, which writes a small file for the command ``mtrace`` in
milliseconds, `budget`, which holds a block of code to its limits, `report_growth`, which reports the
lines of a service that grow, `mtrace.testing`, which holds tests of unittest to limits, function names in tracebacks, and
the metrics ``peak`` and ``total`` in `Snapshot.statistics`.

    import mtrace

    mtrace.start(25)
    ...
    for statistic in mtrace.take_snapshot().statistics("lineno")[:10]:
        print(statistic)

``MTRACE=25 python3 app.py`` and ``python3 -m mtrace run app.py`` trace a program without changing
it, and write a snapshot when it ends.
"""

from . import _mtrace

# The memory of the modules loaded here is not the program's.
_was_untraced = _mtrace._set_untraced(True)
try:
    import linecache  # noqa: F401  also a name of tracemalloc

    from ._mtrace import version as __version__  # noqa: F401
    from .budgets import BudgetExceeded, Usage, budget
    from .filters import BaseFilter, DomainFilter, Filter
    from .frames import Frame, Traceback
    from .growth import GrownLine, GrowthReporter, report_growth
    from .sizes import format_size as _format_size  # noqa: F401  also a name of tracemalloc
    from .snapshot import Snapshot
    from .statistics import Statistic, StatisticDiff
    from .traces import Trace, _Traces  # noqa: F401
    from . import tracing
    from .tracing import *  # noqa: F403  the names in its __all__
    from .tracing import _get_traces  # noqa: F401  also a name of tracemalloc
finally:
    _mtrace._set_untraced(_was_untraced)

__all__ = [
    "BaseFilter",
    "BudgetExceeded",
    "DomainFilter",
    "Filter",
    "Frame",
    "GrowthReporter",
    "GrownLine",
    "Snapshot",
    "Statistic",
    "StatisticDiff",
    "Trace",
    "Traceback",
    "Usage",
    "budget",
    "report_growth",
]
__all__ += tracing.__all__
