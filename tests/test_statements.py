"""Statements as text: what is read, and what a part of them needs."""

import pytest

from hebbsim.statements import Statement, needed_statements, parse_statements


def test_statements_are_split_by_lines_and_semicolons_without_comments():
    code = "v = -70*mV; g_post += w*x_pre  # excitation\n\n# nothing\nw = clip(w, 0, 1)"
    assert parse_statements(code) == [
        Statement("v", "=", "-70*mV"),
        Statement("g_post", "+=", "w*x_pre"),
        Statement("w", "=", "clip(w, 0, 1)"),
    ]


@pytest.mark.parametrize("line", ["w", "w == 1", "2 = w", "w_post + 1"])
def test_what_is_no_assignment(line):
    with pytest.raises(SyntaxError, match="is no statement"):
        parse_statements(line)


def test_a_part_keeps_the_local_variables_that_it_reads():
    statements = parse_statements("a = 2*x_pre; b = a + 1; a = 0; u_post += b; w -= a; g += 1")
    changed = {"u_post", "w", "g"}
    kept = [str(s) for s in needed_statements(statements, changed, {"u_post"})]
    assert kept == ["a = 2*x_pre", "b = a + 1", "u_post += b"]
    assert [str(s) for s in needed_statements(statements, changed, {"w"})] == ["a = 0", "w -= a"]
    assert needed_statements(statements, changed, set()) == []
