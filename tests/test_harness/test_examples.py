"""What is typed is what the page says, and an example that fails is not passed over."""

from __future__ import annotations

import os

import pytest

from harness.examples import examples, reading

PAGE = """# A page

```sh
echo before any heading
```

## First

```sh
MEMORY=kept
echo one
```

text

```sh
echo two $MEMORY
```

    echo this is none

## Second

```sh
false
echo not reached
```
"""


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def test_examples_stand_below_their_headings():
    assert {heading: len(texts) for heading, texts in examples(PAGE).items()} == {"First": 2, "Second": 1}


def test_one_shell_types_them_all(page, tmp_path):
    with reading(page, tmp_path, {"PATH": os.environ["PATH"]}) as somebody:
        assert somebody.types("First") == "one\n"
        assert somebody.left == {"First", "Second"}
        assert somebody.types("First", 1) == "two kept\n"
        assert somebody.left == {"Second"}
        with pytest.raises(AssertionError, match="Second: the shell has ended"):
            somebody.types("Second")
