"""Starts one part of Swift, or makes its rings. Ends with the process that started it."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the starting process is gone")


def make_rings(folder: str, ports: dict[str, int]) -> None:
    from swift.common.ring import RingBuilder

    for name, port in ports.items():
        builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
        builder.add_dev(
            {
                "region": 1,
                "zone": 1,
                "weight": 1.0,
                "device": "disk",
                "meta": "",
                "ip": "127.0.0.1",
                "port": port,
                "replication_ip": "127.0.0.1",
                "replication_port": port,
            }
        )
        builder.rebalance()
        builder.get_ring().save(os.path.join(folder, f"{name}.ring.gz"))


if sys.argv[2] == "rings":
    make_rings(sys.argv[3], {pair.split("=")[0]: int(pair.split("=")[1]) for pair in sys.argv[4:]})
else:
    from swift.common import utils

    # Before all else: other modules read the settings of the cluster while they are imported.
    utils.set_swift_dir(os.path.dirname(sys.argv[3]))
    from swift.common.wsgi import run_wsgi

    sys.exit(run_wsgi(sys.argv[3], sys.argv[2]))
