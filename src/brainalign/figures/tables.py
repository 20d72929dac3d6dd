"""Long tables that a reader can search and sort, on the page itself and without any download."""

from __future__ import annotations

import hashlib
import html
from dataclasses import dataclass

import pandas as pd

# One listener for the search field and one for the heads. Without scripts the whole table is simply shown.
_SCRIPT = """
(function (root) {
  const body = root.querySelector("tbody");
  const rows = Array.from(body.rows);
  const field = root.querySelector("input");
  const count = root.querySelector("output");
  const texts = rows.map((row) => row.textContent.toLowerCase());
  function search() {
    const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !words.every((word) => texts[i].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = shown + " of " + rows.length + " rows";
  }
  function value(row, column) {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  }
  function sort(head, column) {
    const down = head.getAttribute("aria-sort") === "ascending";
    root.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const empty = (x) => x === "" || Number.isNaN(x);
    rows.slice().sort((a, b) => {
      const x = value(a, column), y = value(b, column);
      if (empty(x) || empty(y)) { return empty(x) - empty(y); }  // what is not known stays at the end
      const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return down ? -order : order;
    }).forEach((row) => body.appendChild(row));
  }
  root.querySelectorAll("thead button").forEach((button, column) => {
    button.addEventListener("click", () => sort(button.closest("th"), column));
  });
  field.addEventListener("input", search);
  root.querySelector(".searchable-bar").hidden = false;
  search();
})(document.getElementById("%s"));
"""

_STYLE = """
.searchable-bar { display: flex; gap: 0.8rem; align-items: baseline; flex-wrap: wrap; margin-bottom: 0.4rem; }
.searchable-bar[hidden] { display: none; }
.searchable-bar input { padding: 0.25rem 0.5rem; max-width: 100%; color: inherit; background: transparent;
  border: 1px solid #767676; border-radius: 4px; }
.searchable-rows { max-height: 32rem; overflow: auto; border: 1px solid #76767655; }
.searchable-rows table { display: table !important; margin: 0; max-width: none !important; }
.searchable-rows thead th { position: sticky; top: 0; background: var(--pst-color-background, Canvas); }
.searchable-rows thead button { all: unset; cursor: pointer; font-weight: 600; }
.searchable-rows thead button:focus-visible { outline: 2px solid #0072B2; }
.searchable-rows th[aria-sort="ascending"] button::after { content: " \\25B2"; }
.searchable-rows th[aria-sort="descending"] button::after { content: " \\25BC"; }
"""


@dataclass(frozen=True)
class SearchableTable:
    """A table as HTML with a search field and heads that sort; made by `show_table`.

    Attributes
    ----------
    frame : DataFrame
        What is shown.
    label : str
        What the table holds, read out by screen readers.
    decimals : int
        Digits after the point of fractions.
    """

    frame: pd.DataFrame
    label: str
    decimals: int = 2

    def _repr_html_(self) -> str:
        # The same table gets the same name on every run, so that outputs can be compared.
        identity = "table-" + hashlib.sha256(f"{self.label}{list(self.frame.columns)}".encode()).hexdigest()[:10]
        label = html.escape(self.label, quote=True)
        heads = "".join(
            f"<th scope='col'><button type='button'>{html.escape(str(name))}</button></th>"
            for name in self.frame.columns
        )
        rows = "".join(
            "<tr>" + "".join(self._cell(value) for value in row) + "</tr>"
            for row in self.frame.itertuples(index=False, name=None)
        )
        return (
            f"<div id='{identity}'><style>{_STYLE}</style><div class='searchable-bar' hidden>"
            f"<label>Search <input type='search' title='words, in any order'></label><output></output></div>"
            f"<div class='searchable-rows' tabindex='0' role='region' aria-label='{label}'>"
            f"<table class='dataframe'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
            f"<script>{_SCRIPT % identity}</script></div>"
        )

    def _cell(self, value: object) -> str:
        if value is None or value is pd.NA or value != value:  # NaN differs from itself
            return "<td></td>"
        if isinstance(value, bool | str):
            return f"<td>{html.escape(str(value))}</td>"
        if isinstance(value, float):
            return f"<td data-value='{value!r}'>{value:,.{self.decimals}f}</td>"
        return f"<td data-value='{value}'>{value:,}</td>"

    def __repr__(self) -> str:
        return self.frame.to_string(index=False)


def show_table(frame: pd.DataFrame, *, label: str, decimals: int = 2) -> SearchableTable:
    """Show a table that readers can search for words and sort by any column.

    Parameters
    ----------
    frame : DataFrame
        One row an item; the index is not shown. Numbers sort as numbers, missing values go to the end.
    label : str
        What the table holds, for screen readers.
    decimals : int
        Digits after the point of fractions.

    Returns
    -------
    SearchableTable
        Drawn by a notebook and on the book's pages; where scripts are off, the whole table is shown.

    Raises
    ------
    ValueError
        When the table has no row.
    """
    if frame.empty:
        msg = f"the table '{label}' has no row; nothing can be searched."
        raise ValueError(msg)
    # Plain Python values: numpy's own numbers have no digits of their own in HTML.
    return SearchableTable(frame.astype(object), label, decimals)
