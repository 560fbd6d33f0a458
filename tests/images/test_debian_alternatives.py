import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.images.debian_alternatives import Alternative, alternatives, links

BLAS = """\
#!/bin/sh
set -e
if [ "$1" = "configure" ]; then
    update-alternatives --install /usr/lib/x/libblas.so.3 \\
        libblas.so.3-x /usr/lib/x/blas/libblas.so.3 10 --slave /usr/lib/x/b.so b-x /usr/lib/x/blas/b.so || true
fi
# update-alternatives --install /not $this
update-alternatives --remove gone /usr/bin/gone
"""


def test_the_links_of_a_plain_script_are_read():
    assert alternatives(BLAS) == [
        Alternative("/usr/lib/x/libblas.so.3", "libblas.so.3-x", "/usr/lib/x/blas/libblas.so.3", 10),
        Alternative("/usr/lib/x/b.so", "b-x", "/usr/lib/x/blas/b.so", 10),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "update-alternatives --install /usr/bin/$name $name /usr/bin/x 1",
        "update-alternatives --install `which x` x /usr/bin/x 1",
        "update-alternatives --install /usr/bin/x x /usr/bin/y",
        "update-alternatives --install /usr/bin/x x /usr/bin/y ten",
        "update-alternatives --install usr/bin/x x /usr/bin/y 1",
        "update-alternatives --install /usr/bin/../x x /usr/bin/y 1",
        "update-alternatives --install /usr/bin/x ../x /usr/bin/y 1",
        "update-alternatives --install /usr/bin/x x /usr/bin/y 1 --slave /a b",
        "update-alternatives --install /usr/bin/x x /usr/bin/* 1",
        "update-alternatives --install 'unclosed x /usr/bin/y 1",
    ],
)
def test_what_only_running_it_tells_is_not_guessed(line):
    with pytest.raises(ValueError, match=r"."):
        alternatives(f"#!/bin/sh\n{line}\n")


def test_of_several_the_best_counts():
    found = links([Alternative("/usr/bin/x", "x", f"/usr/bin/x{n}", n) for n in (1, 20, 3)])
    assert [(each.path, str(each.source)) for each in found] == [
        ("etc/alternatives/x", "/usr/bin/x20"),
        ("usr/bin/x", "/etc/alternatives/x"),
    ]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=100), st.text(max_size=60))
def test_no_script_breaks_the_reading(before, after):
    try:
        for each in alternatives(f"{before}update-alternatives --install {after}"):
            assert each.link.startswith("/")
            assert each.target.startswith("/")
    except ValueError:
        pass
