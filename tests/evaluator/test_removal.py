from __future__ import annotations

import os

from evaluator.removal import remove


def test_a_tree_of_any_depth_is_removed(tmp_path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    here = os.getcwd()
    os.chdir(top)
    for _ in range(3000):  # deeper than a path may be long, and than Python may recurse
        os.mkdir("deeper")
        os.chdir("deeper")
        open("file", "w").close()
    os.chdir(here)
    remove(top)
    assert list(tmp_path.iterdir()) == []


def test_links_are_not_followed_and_closed_folders_are_opened(tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    top = tmp_path / "top"
    (top / "closed" / "deeper").mkdir(parents=True)
    (top / "closed").chmod(0)
    (top / "link").symlink_to(outside)
    (top / "broken").symlink_to(tmp_path / "nowhere")
    remove(top)
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (outside / "kept").exists()


def test_what_is_not_there_is_no_error(tmp_path) -> None:
    remove(tmp_path / "nothing")
