"""Tables as spreadsheets, scripts and crashes leave them: the right cell under a header, or the line that is wrong."""

import numpy as np
import pandas as pd
import pytest

from brainalign.datasets.brainscore import read_leaderboard
from brainalign.datasets.text_tables import read_text_table

HEADER, ROWS = ["model", "V1", "V4", "IT"], [["resnet#2", ".1", ".2", ".3"], ["vit, large", ".4", ".5", ".6"]]
PLAIN = 'model,V1,V4,IT\nresnet#2,.1,.2,.3\n"vit, large",.4,.5,.6\n'


def written(tmp_path, content, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


TAKEN = {
    "plain": PLAIN,
    "without a last line end": PLAIN.rstrip("\n"),
    "lines end as on Windows": PLAIN.replace("\n", "\r\n"),
    "lines end as on old Macs": PLAIN.replace("\n", "\r"),
    "byte order mark": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 little endian": PLAIN.encode("utf-16-le"),
    "UTF-16 big endian": PLAIN.encode("utf-16-be"),
    "UTF-16 big endian with mark": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "blank lines": PLAIN.replace("\n", "\n\n"),
    "blank lines first": "\n\n" + PLAIN,
    "comments first": "# of today\n# another, with, commas\n" + PLAIN,
    "a comment last": PLAIN + "# exported at noon\n",
    "a comment between": PLAIN.replace('"vit', '# note\n"vit'),
    "semicolons": PLAIN.replace('"vit, large"', "vit\x00large").replace(",", ";").replace("\x00", ", "),
    "tabs": PLAIN.replace('"vit, large"', "vit\x00large").replace(",", "\t").replace("\x00", ", "),
    "all quoted": '"model","V1","V4","IT"\n"resnet#2",".1",".2",".3"\n"vit, large",".4",".5",".6"\n',
}


@pytest.mark.parametrize("case", TAKEN)
def test_every_cell_is_under_its_header(case, tmp_path):
    found = read_text_table(written(tmp_path, TAKEN[case]), comments=True, dtype=str)
    assert list(found.columns) == HEADER
    assert found.to_numpy().tolist() == ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_names_keep_their_letters(encoding, tmp_path):
    text = "model,V1\nM\u00fcller-Net \u00e9t\u00e9,.5\n"
    found = read_text_table(written(tmp_path, text.encode(encoding)))
    assert found["model"].tolist() == ["M\u00fcller-Net \u00e9t\u00e9"]


REFUSED = {
    "trailing comma": (
        "model,V1,V4\na,.1,.2,\nb,.3,.4,\n",
        r"line 2 has 4 cells, the header 3: a delimiter at its end",
    ),
    "trailing comma in one row": ("model,V1,V4\na,.1,.2\nb,.3,.4,\n", "line 3 has 4 cells"),
    "unquoted comma in a name": ("model,V1,V4\na,.1,.2\nvit, large,.3,.4\n", "line 3 has 4 cells.*unquoted delimiter"),
    "rank column without header": ("model,V1,V4\n1,a,.1,.2\n2,b,.3,.4\n", "line 2 has 4 cells"),
    "header lost a column": ("model,V1\na,.1,.2\nb,.3,.4\n", "line 2 has 3 cells, the header 2"),
    "cut-off last row": ("model,V1,V4\na,.1,.2\nb,.3", "line 3 has 2 cells.*cut off"),
    "cut-off name": ("model,V1,V4\na,.1,.2\nb", "line 3 has 1 cells.*cut off"),
    "decimal commas": ("model,V1,V4\na,0,1,0,2\n", "line 2 has 5 cells"),
    "open quote": ('model,V1\n"a,.1\nb,.2\n', "line .* quotes"),
    "quote inside": ('model,V1\n"a"x,.1\n', "line 2.* quotes"),
    "a name that starts with #": ("model,V1\n#1 model,.1\nb,.2\n", "line 2 starts with #"),
    "two columns of one name": ("model,V1,V1\na,.1,.2\n", "two columns are named 'V1'"),
    "nothing": ("", "no table"),
    "only comments": ("# nothing\n", "no table"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(200), "no text file"),
    "a page": ("<!DOCTYPE html>\n<html><body>a, b</body></html>\n", "line 2 has 2 cells"),
    "a broken UTF-16": (b"\xff\xfem\x00o\x00\x00\xd8", "utf-16"),
    "rows after a blank one": ("model,V1\na,.1\n,\nb,.2,.3\n", "line 4 has 3 cells"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_row_that_slips_is_refused_with_its_line(case, tmp_path):
    content, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as refusal:
        read_text_table(written(tmp_path, content), comments=True)
    assert "table.csv" in str(refusal.value)


LEADERBOARDS = {
    "trailing comma": ("model,V1,V4\na,.1,.2,\nb,.3,.4,\n", "line 2"),
    "rank column without header": ("model,V1,V4\n1,a,.1,.2\n2,b,.3,.4\n", "line 2"),
    "cut-off last row": ("model,V1,V4\na,.1,.2\nb,.3", "line 3"),
    "infinite": ("model,V1\na,inf\nb,.1\n", "'a' on 'V1' is 'inf'"),
    "not a number": ("model,V1\na,nan\nb,.1\n", "'a' on 'V1' is 'nan'"),
    "n/a": ("model,V1\na,n/a\nb,.1\n", "'n/a'"),
    "decimal comma": ("model;V1\na;0,5\nb;0,1\n", "'0,5'"),
    "per cent": ("model,V1\na,50%\nb,.1\n", "'50%'"),
    "no name": ("model,V1\n,.1\nb,.2\n", "row 1 .* names no model"),
    "blank name": ("model,V1\na,.1\n  ,.2\n", "row 2 .* names no model"),
    "same name but for blanks": ("model,V1\na,.1\na ,.2\n", "comes more than once"),
    "scores without header": ("model,V1,\na,.1,.9\nb,.2,.8\n", "column without a name"),
    "another alphabet of bytes": (b"model,V1\n\x00\x01\x02\xff\xfe,.1\n", "no text file"),
}


@pytest.mark.parametrize("case", LEADERBOARDS)
def test_a_leaderboard_that_would_be_read_wrongly_is_refused(case, tmp_path):
    content, message = LEADERBOARDS[case]
    with pytest.raises(ValueError, match=message):
        read_leaderboard(written(tmp_path, content))


@pytest.mark.parametrize(
    "text",
    [
        "model,V1,V4\nnet #1,.1,.2\nb,.3,X\n",
        "model , V1,V4 \nnet #1, .1 ,.2\nb,.3, X\n",
        ",model,V1,V4\n0,net #1,.1,.2\n1,b,.3,X\n",
        "model,V1,V4,\nnet #1,.1,.2,\nb,.3,X,\n",
        "rank;model;V1;V4\n1;net #1;.1;.2\n2;b;.3;X\n",
    ],
)
def test_a_leaderboard_of_odd_form_keeps_its_scores(text, tmp_path):
    board = read_leaderboard(written(tmp_path, text))
    expected = pd.DataFrame([[0.1, 0.2], [0.3, np.nan]], index=pd.Index(["net #1", "b"], name="model"))
    expected.columns = ["V1", "V4"]
    pd.testing.assert_frame_equal(board.scores, expected)
    assert board.failed.loc["b", "V4"]


def test_blank_lines_are_rows_where_they_count(tmp_path):
    path = written(tmp_path, "\n" + PLAIN.replace("\n", "\n\n", 2) + "\n")
    found = read_text_table(path, blank_rows=True)
    assert found["model"].isna().tolist() == [True, False, True, False, True]
    assert len(read_text_table(path)) == 2


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\x0b", "\x1c"])
def test_rare_signs_end_no_line(sign, tmp_path):
    found = read_text_table(written(tmp_path, PLAIN.replace("vit,", f"vit{sign}")))
    assert found["model"].tolist() == ["resnet#2", f"vit{sign} large"]
