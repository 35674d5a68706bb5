"""Sending, submitting and fetching as the child process does it, against a farm of one file."""

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from typing import Any, Dict

HERE = os.path.dirname(os.path.abspath(__file__))
ADDON = os.path.join(HERE, *[".."] * 4, "services", "blender-addon", "tilework")
sys.path[:0] = [HERE, ADDON]

from fake_farm import TOKEN, FakeFarm  # noqa: E402
from farm import child, hashing, state, upload  # noqa: E402
from farm.client import Client  # noqa: E402
from farm.errors import FarmError, Refused  # noqa: E402
from farm.work import Work  # noqa: E402


class TestWork(unittest.TestCase):
    def setUp(self) -> None:
        self.farm = FakeFarm()
        self.addCleanup(self.farm.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = folder.name
        self.file = os.path.join(self.home, "shot.blend")
        self.data = os.urandom(3_000_000)
        with open(self.file, "wb") as file:
            file.write(self.data)
        self.sha256 = hashlib.sha256(self.data).hexdigest()

    def task(self, **more: Any) -> str:
        folder = os.path.join(self.home, "works", "w")
        where = {"mode": "output", "folder": os.path.join(self.home, "beside"), "movie": None}
        where["frames"] = {"prefix": os.path.join(self.home, "out", "a_"), "digits": 2, "suffix": ".png"}
        task = {"farm": self.farm.url, "file": self.file, "key": "k1", "request": {"name": "shot"}, "download": where}
        state.write(os.path.join(folder, "task.json"), {**task, "until": "ended", **more})
        return folder

    def run_work(self, folder: str, token: str = TOKEN) -> int:
        return Work(folder, self.home, token, threading.Event()).run()

    def start(self, folder: str) -> "subprocess.Popen[bytes]":
        process = child.start(sys.executable, folder, self.home, TOKEN)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)
        return process

    def status(self, folder: str) -> Dict[str, Any]:
        return state.read(os.path.join(folder, "status.json")) or {}

    def test_sends_a_file_makes_a_job_and_fetches_its_frames_under_the_names_of_the_scene(self) -> None:
        self.farm.files = {"frames/0001.png": b"one", "frames/0123.png": b"two", "previews/0001.jpg": b"small"}
        folder = self.task()
        self.assertEqual(self.run_work(folder), 0)
        self.assertEqual(self.farm.jobs["job0"], {"name": "shot", "scene": self.sha256})
        self.assertEqual(sorted(os.listdir(os.path.join(self.home, "out"))), ["a_01.png", "a_123.png"])
        self.assertEqual(self.status(folder)["stage"], "done")
        self.assertTrue(os.path.exists(os.path.join(folder, "thumbnail.jpg")))

    def test_sends_nothing_that_the_farm_has(self) -> None:
        self.farm.scenes[self.sha256] = self.data
        folder = self.task(until="sent")
        self.assertEqual(self.run_work(folder), 0)
        self.assertEqual((self.farm.received, self.status(folder)["sentBytes"]), (0, 0))

    def test_makes_one_job_however_often_it_is_run(self) -> None:
        folder = self.task(until="sent")
        self.run_work(folder)
        os.remove(os.path.join(folder, "status.json"))
        self.run_work(folder)
        self.assertEqual(len(self.farm.jobs), 1)

    def test_goes_on_where_a_cut_upload_stopped(self) -> None:
        self.farm.cuts = 2
        pauses = []
        client = Client(self.farm.url, TOKEN)
        upload.upload(client, self.file, self.sha256, self.home, lambda *_: None, pauses.append)
        self.assertEqual(self.farm.scenes[self.sha256], self.data)
        self.assertEqual(self.farm.received, len(self.data))
        self.assertEqual(len(pauses), 2)

    def test_goes_on_after_the_child_was_killed_in_the_middle(self) -> None:
        self.farm.cuts = 1
        self.farm.held.clear()
        folder = self.task(until="sent")
        process = self.start(folder)
        while self.farm.received == 0 or self.farm.cuts > 0:
            self.assertIsNone(process.poll())
        process.kill()
        process.wait()
        before = self.farm.received
        self.farm.held.set()
        again = self.start(folder)
        self.assertEqual(again.wait(), 0)
        self.assertEqual(self.farm.scenes[self.sha256], self.data)
        self.assertGreater(before, 0)
        self.assertEqual(len(self.farm.uploads), 1)

    def test_ends_by_itself_when_blender_is_gone_and_says_so(self) -> None:
        self.farm.state = "active"
        folder = self.task()
        process = self.start(folder)
        while self.status(folder).get("stage") != "following":
            self.assertIsNone(process.poll())
        process.stdin.close()
        self.assertEqual(process.wait(timeout=10), 130)
        self.assertEqual(self.status(folder)["stage"], "stopped")

    def test_is_done_by_one_process_at_a_time(self) -> None:
        self.farm.state = "active"
        folder = self.task()
        first = self.start(folder)
        while self.status(folder).get("stage") != "following":
            self.assertIsNone(first.poll())
        second = self.start(folder)
        self.assertEqual(second.wait(timeout=10), 130)
        self.assertIsNone(first.poll())

    def test_keeps_the_token_out_of_every_file_and_of_the_list_of_processes(self) -> None:
        folder = self.task(until="sent")
        process = self.start(folder)
        self.assertNotIn(TOKEN, " ".join(process.args))
        self.assertEqual(process.wait(), 0)
        for parent, _folders, names in os.walk(self.home):
            for name in names:
                with open(os.path.join(parent, name), "rb") as file:
                    self.assertNotIn(TOKEN.encode(), file.read(), name)

    def test_fetches_the_rest_of_a_file_and_not_what_is_there(self) -> None:
        self.farm.files = {"frames/0001.png": b"x" * 1000, "frames/0002.png": b"y" * 1000}
        whole, part = (os.path.join(self.home, "out", name) for name in ("a_01.png", "a_02.png"))
        os.makedirs(os.path.dirname(whole))
        with open(whole, "wb") as file:
            file.write(b"x" * 1000)
        with open(f"{part}.{hashlib.sha256(b'y' * 1000).hexdigest()[:8]}.part", "wb") as file:
            file.write(b"y" * 400)
        self.assertEqual(self.run_work(self.task(jobId="job0", kind="download")), 3)
        self.farm.jobs["job0"] = {}
        self.assertEqual(self.run_work(self.task(jobId="job0", kind="download")), 0)
        self.assertEqual(
            [one for one in self.farm.asked if "/files/" in one], ["GET /files/frames/0002.png bytes=400-"]
        )
        with open(part, "rb") as file:
            self.assertEqual(file.read(), b"y" * 1000)

    def test_says_what_the_farm_says_when_a_job_failed(self) -> None:
        self.farm.state = "failed"
        folder = self.task()
        self.assertEqual(self.run_work(folder), 1)
        self.assertEqual(self.status(folder)["error"]["detail"], "No camera")

    def test_ends_with_4_for_a_wrong_token_and_with_5_where_nobody_listens(self) -> None:
        folder = self.task()
        self.assertEqual(self.run_work(folder, "wrong"), 4)
        self.assertEqual(self.status(folder)["error"]["detail"], "This farm does not know the token")
        self.farm.close()
        with self.assertRaises(FarmError) as caught:
            Client(self.farm.url, TOKEN).info()
        self.assertEqual(caught.exception.exit_code, 5)
        self.assertIn("nothing listens there", caught.exception.detail)

    def test_refuses_to_believe_another_server_to_be_a_farm(self) -> None:
        self.farm.files["page/v1"] = b"<html>"
        with self.assertRaises(FarmError) as caught:
            Client(f"{self.farm.url}/files/page", TOKEN).info()
        self.assertEqual(caught.exception.code, "not_a_farm")

    def test_reads_an_unchanged_file_once(self) -> None:
        os.utime(self.file, (1, 1))
        path = os.path.join(self.home, "hashes.json")
        first = hashing.Hashes(path)
        self.assertEqual(first.of(self.file), (self.sha256, len(self.data)))
        first.save()
        known = state.read(path)
        known[self.file][2] = "remembered"
        state.write(path, known)
        self.assertEqual(hashing.Hashes(path).of(self.file)[0], "remembered")
        os.utime(self.file, (2, 2))
        self.assertEqual(hashing.Hashes(path).of(self.file)[0], self.sha256)

    def test_writes_nothing_beside_its_own_files(self) -> None:
        def files() -> set:
            return {os.path.join(parent, name) for parent, _folders, names in os.walk(ADDON) for name in names}

        before = files()
        self.assertEqual(self.start(self.task(until="sent")).wait(), 0)
        self.assertEqual(files(), before)

    def test_raises_what_the_farm_refuses(self) -> None:
        with self.assertRaises(Refused) as caught:
            Client(self.farm.url, TOKEN).job("nowhere")
        self.assertEqual((caught.exception.code, caught.exception.exit_code), ("not_found", 3))


if __name__ == "__main__":
    unittest.main()
