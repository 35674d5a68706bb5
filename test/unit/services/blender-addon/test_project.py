"""Projects of many files: which files a path stands for, and what of them is sent."""

import os
import sys
import tempfile
import threading
import unittest
from typing import Any, Dict, List

HERE = os.path.dirname(os.path.abspath(__file__))
ADDON = os.path.join(HERE, *[".."] * 4, "services", "blender-addon", "tilework")
sys.path[:0] = [HERE, ADDON]

from fake_farm import TOKEN, FakeFarm  # noqa: E402
from farm import expand, state  # noqa: E402
from farm.work import Work  # noqa: E402


class TestExpand(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def make(self, *names: str) -> List[str]:
        for name in names:
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(name)
        return [os.path.join(self.folder, name) for name in names]

    def found(self, name: str, sequence: bool = False) -> List[str]:
        return [expand.below(self.folder, one) for one in expand.files(os.path.join(self.folder, name), sequence)]

    def test_a_udim_stands_for_its_tiles(self) -> None:
        self.make("a.1001.png", "a.1002.png", "a.10011.png", "a.100x.png", "b.1001.png", "u1_v2.png")
        self.assertEqual(self.found("a.<UDIM>.png"), ["a.1001.png", "a.1002.png"])
        self.assertEqual(self.found("<UVTILE>.png"), ["u1_v2.png"])

    def test_a_sequence_stands_for_all_that_differ_in_their_last_number(self) -> None:
        self.make("s2_0001.exr", "s2_0002.exr", "s2_10.exr", "s3_0001.exr", "s2_0001.png", "s2_0001.exr.bak")
        self.assertEqual(self.found("s2_0009.exr", True), ["s2_0001.exr", "s2_0002.exr", "s2_10.exr"])
        self.assertEqual(self.found("s2_0001.exr"), ["s2_0001.exr"])

    def test_names_with_signs_that_mean_something_in_patterns_mean_themselves(self) -> None:
        self.make("a[1]+.1001.png", "a1+.1001.png", "x[1]_01.png", "x[1]_02.png", "x1_01.png")
        self.assertEqual(self.found("a[1]+.<UDIM>.png"), ["a[1]+.1001.png"])
        self.assertEqual(self.found("x[1]_01.png", True), ["x[1]_01.png", "x[1]_02.png"])

    def test_a_folder_stands_for_all_in_it_and_what_is_missing_for_nothing(self) -> None:
        self.make("cache/data/1.vdb", "cache/meta.json")
        self.assertEqual(self.found("cache"), ["cache/data/1.vdb", "cache/meta.json"])
        self.assertEqual(self.found("gone.png"), [])

    def test_the_root_is_the_deepest_folder_of_all(self) -> None:
        self.assertEqual(expand.common_root(["/p/shots/a.blend", "/p/lib/b.blend"]), "/p")
        self.assertEqual(expand.common_root(["/p/shots/a.blend", "/p/shots/t/b.png"]), "/p/shots")


class TestProject(unittest.TestCase):
    def setUp(self) -> None:
        self.farm = FakeFarm()
        self.addCleanup(self.farm.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = folder.name
        self.files = {"shots/010.blend": b"blend", "textures/wood.png": b"w" * 1000, "textures/same.png": b"w" * 1000}
        self.files["cache/big.vdb"] = os.urandom(9_000_000)
        self.write()

    def write(self) -> None:
        for name, data in self.files.items():
            path = os.path.join(self.home, "project", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)

    def submit(self, key: str) -> Dict[str, Any]:
        folder = os.path.join(self.home, "works", key)
        listed = [{"path": name, "file": os.path.join(self.home, "project", name)} for name in self.files]
        task = {"farm": self.farm.url, "key": key, "request": {"name": "shot"}, "until": "sent"}
        state.write(os.path.join(folder, "task.json"), {**task, "main": "shots/010.blend", "files": listed})
        self.assertEqual(Work(folder, self.home, TOKEN, threading.Event()).run(), 0)
        return state.read(os.path.join(folder, "status.json"))

    def test_sends_each_content_once_and_makes_a_job_of_the_list(self) -> None:
        self.farm.cuts = 1
        status = self.submit("one")
        self.assertEqual(self.farm.received, 5 + 1000 + 9_000_000)
        self.assertEqual(set(self.farm.blobs.values()), set(self.files.values()))
        (manifest,) = self.farm.manifests.values()
        self.assertEqual(manifest["main"], "shots/010.blend")
        self.assertEqual(sorted(one["path"] for one in manifest["files"]), sorted(self.files))
        self.assertIn(self.farm.jobs[status["jobId"]]["scene"], self.farm.manifests)

    def test_sends_only_what_changed_when_it_is_sent_again(self) -> None:
        self.submit("one")
        before = self.farm.received
        self.files["textures/wood.png"] = b"v" * 700
        self.write()
        self.assertEqual(self.submit("two")["sentBytes"], 700)
        self.assertEqual(self.farm.received - before, 700)
        self.assertEqual(self.submit("three")["sentBytes"], 0)


if __name__ == "__main__":
    unittest.main()
