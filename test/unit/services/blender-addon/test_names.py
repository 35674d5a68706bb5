"""Where delivered files go."""

import os
import sys
import unittest

ADDON = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[".."] * 4, "services", "blender-addon", "tilework")
sys.path.insert(0, ADDON)

from farm import names  # noqa: E402
from farm.errors import FarmError  # noqa: E402
from farm.http import normal_url  # noqa: E402


def artifact(path: str, frame: int = 7) -> dict:
    return {"path": path, **({"frame": frame} if path.startswith("frames/") else {})}


class TestNames(unittest.TestCase):
    def test_frames_are_named_as_blender_names_them(self) -> None:
        pattern = names.frame_pattern("/r/a_00_x.png", "/r/a_11111111_x.png", "/r/a_22222222_x.png")
        self.assertEqual(names.frame_path(pattern, 7), "/r/a_07_x.png")
        self.assertEqual(names.frame_path(pattern, -7), "/r/a_-7_x.png")
        self.assertEqual(names.frame_path(pattern, 12345), "/r/a_12345_x.png")
        four = names.frame_pattern("/r/0000.png", "/r/11111111.png", "/r/22222222.png")
        self.assertEqual(names.frame_path(four, -12), "/r/-012.png")

    def test_a_frame_goes_to_the_output_path_with_the_extension_of_the_format_that_was_chosen(self) -> None:
        where = {"mode": "output", "folder": "/b", "movie": None}
        where["frames"] = {"prefix": "/r/", "digits": 4, "suffix": ".png"}
        self.assertEqual(names.target(where, artifact("frames/0007.png")), "/r/0007.png")
        self.assertEqual(names.target(where, artifact("frames/0007.exr")), "/r/0007.exr")
        where["frames"] = {"prefix": "/r/", "digits": 4, "suffix": ".jpeg"}
        self.assertEqual(names.target(where, artifact("frames/0007.jpg")), "/r/0007.jpeg")
        where["frames"] = {"prefix": "/r/", "digits": 4, "suffix": ""}
        self.assertEqual(names.target(where, artifact("frames/0007.png")), "/r/0007")

    def test_a_movie_goes_where_blender_writes_it_and_its_frames_nowhere(self) -> None:
        where = {"mode": "output", "folder": "/b", "movie": "/r/0001-0250.mkv", "frames": None}
        self.assertEqual(names.target(where, artifact("video/video.mp4")), "/r/0001-0250.mp4")
        self.assertIsNone(names.target(where, artifact("frames/0007.png")))

    def test_all_goes_beside_when_that_was_chosen(self) -> None:
        where = {"mode": "beside", "folder": "/b", "movie": None, "frames": None}
        self.assertEqual(names.target(where, artifact("frames/0007.png")), os.path.join("/b", "frames", "0007.png"))
        self.assertIsNone(names.target(where, artifact("manifest.json")))

    def test_no_word_of_a_farm_leads_out_of_the_folder(self) -> None:
        where = {"mode": "beside", "folder": "/b", "movie": None, "frames": None}
        for path in ("frames/../../etc/passwd", "/etc/passwd", "frames//x", "outputs/./x"):
            self.assertIsNone(names.target(where, artifact(path)), path)

    def test_an_address_is_taken_as_people_type_it(self) -> None:
        self.assertEqual(normal_url(" https://farm.example/ "), "https://farm.example")
        self.assertEqual(normal_url("farm.example"), "https://farm.example")
        self.assertEqual(normal_url("localhost:8470"), "http://localhost:8470")
        self.assertEqual(normal_url("http://farm.example:1/base/addon/index.json"), "http://farm.example:1/base")
        for wrong in ("", "ftp://x", "http://", "http://x:99999"):
            with self.assertRaises(FarmError):
                normal_url(wrong)


if __name__ == "__main__":
    unittest.main()
