// The table of lines (files, functions, modules): the same figures as the command line's, and the
// picture for whoever does not see it.
import { byId, element, replaceChildren } from "./dom";
import * as format from "./format";
import { GroupBy } from "./groups";
import { Sort, State } from "./state";
import { Row, View } from "./view";

const kRows = 50;

export interface TableEvents {
  select(group: number): void;
  sort(sort: Sort): void;
}

interface Column {
  sort: Sort;
  title: string;
  explains: string;
  className: string;
  value: (row: Row) => number;
  cell: (row: Row) => (Node | string)[];
}

export const kGroupNames: Record<GroupBy, [string, string]> = {
  lineno: ["line", "lines"],
  filename: ["file", "files"],
  function: ["function", "functions"],
  module: ["module", "modules"],
};

export class Table {
  private shown = kRows;
  private showsUnchanged = false;
  private last: { view: View; state: State } | null = null;

  constructor(private readonly events: TableEvents) {
    byId("more").addEventListener("click", () => this.showMore(this.shown + 200));
    byId("all").addEventListener("click", () => {
      this.showsUnchanged = true;
      this.showMore(Infinity);
    });
  }

  private showMore(rows: number): void {
    this.shown = rows;
    if (this.last) this.show(this.last.view, this.last.state, false);
  }

  show(view: View, state: State, isOther: boolean): void {
    if (isOther) {
      this.shown = kRows;
      this.showsUnchanged = false;
    }
    this.last = { view, state };
    const columns = view.isComparison ? this.ofComparison(view) : this.ofSnapshot(view);
    const isSearch = state.query !== "" && view.found !== null;
    let rows = view.rows.filter((row) => !isSearch || view.found!.groups[row.group] !== 0);
    const all = rows.length;
    // What stayed as it is says nothing, unless somebody looks for it.
    if (view.isComparison && !this.showsUnchanged && !isSearch) rows = rows.filter((row) => row.group === state.selected || hasChanged(row));
    rows = this.sorted(rows, columns, view, state);
    this.head(columns, state);
    const shown = rows.slice(0, this.shown);
    const body = shown.map((row) => this.row(row, columns, view, state));
    // What is selected shows, wherever it stands.
    const selected = rows.findIndex((row) => row.group === state.selected);
    if (selected >= shown.length) body.push(this.row(rows[selected], columns, view, state));
    replaceChildren(byId("rows"), ...body);
    this.say(all, rows.length, body.length, view, state, isSearch);
  }

  private say(all: number, rows: number, shown: number, view: View, state: State, isSearch: boolean): void {
    const [one, many] = kGroupNames[state.group];
    const what = (number: number) => (number === 1 ? one : many) + (isSearch ? (number === 1 ? " that matches" : " that match") : rows < all ? " that changed" : "");
    const shownOf = shown < rows ? `${format.count(shown)} of ` : "";
    const unchanged = rows < all ? `; ${format.count(all - rows)} did not change` : "";
    byId("counted").textContent = rows === 0 ? `There are no ${what(0)}${unchanged}.` : `${shownOf}${format.count(rows)} ${what(rows)}${unchanged}`;
    byId("more").hidden = shown >= rows;
    byId("all").hidden = shown >= all;
    const within = byId("within");
    within.textContent = state.zoom === 0 ? "" : `Only what is ${state.inverted ? "called" : "reached"} through ${view.title(state.zoom)}`;
    byId("within-box").hidden = state.zoom === 0;
  }

  private sorted(rows: Row[], columns: Column[], view: View, state: State): Row[] {
    const direction = state.ascending ? 1 : -1;
    const column = columns.find((each) => each.sort === state.sort);
    if (!column) {
      const names = new Map(rows.map((row) => [row.group, view.groups.path(row.group)]));
      const lineOf = (row: Row) => (row.group === view.groups.hidden ? 0 : view.data.frames.line[view.groups.firstFrame[row.group]]);
      const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
      return rows.sort((a, b) => -direction * (compare(names.get(a.group)!, names.get(b.group)!) || lineOf(a) - lineOf(b)));
    }
    // Changes count by how large they are, up or down.
    const isChange = view.isComparison && (state.sort === "change" || state.sort === "count_change" || state.sort === "total");
    const keys = Float64Array.from(rows, (row) => direction * (isChange && !state.ascending ? Math.abs(column.value(row)) : column.value(row)));
    const order = Uint32Array.from(rows, (_, i) => i).sort((i, j) => {
      if (keys[i] !== keys[j]) return keys[i] - keys[j];
      const a = rows[i];
      const b = rows[j];
      return b.own - a.own || b.count - a.count || b.total - a.total || a.group - b.group;
    });
    return Array.from(order, (i) => rows[i]);
  }

  private head(columns: Column[], state: State): void {
    const cell = (sort: Sort, title: string, explains: string, className: string) => {
      const isSorted = state.sort === sort;
      const button = element("button", { type: "button", title: explains }, title);
      button.addEventListener("click", () => this.events.sort(sort));
      const order = !isSorted ? "none" : state.ascending !== (sort === "name") ? "ascending" : "descending";
      return element("th", { scope: "col", class: className, "aria-sort": order }, button);
    };
    const name = kGroupNames[state.group][0];
    replaceChildren(
      byId("head"),
      cell("name", name[0].toUpperCase() + name.slice(1), "Sort by name", "name"),
      ...columns.map((column) => cell(column.sort, column.title, column.explains, column.className)),
    );
  }

  private row(row: Row, columns: Column[], view: View, state: State): HTMLTableRowElement {
    const isSelected = row.group === state.selected;
    const isZoomed = state.zoom !== 0 && view.drawn.group[state.zoom] === row.group;
    const made = element("tr", { class: isSelected ? "selected" : isZoomed ? "zoomed" : "" });
    made.dataset.group = String(row.group);
    made.dataset.path = view.groups.path(row.group);
    made.dataset.position = view.groups.position(row.group);
    made.dataset.size = String(row.own);
    made.dataset.count = String(row.count);
    made.dataset.total = String(row.total);
    made.dataset.sizeDiff = String(row.own - row.ownBefore);
    made.dataset.countDiff = String(row.count - row.countBefore);
    made.append(this.nameCell(row, view, isSelected));
    for (const column of columns) made.append(element("td", { class: column.className }, ...column.cell(row)));
    return made;
  }

  private nameCell(row: Row, view: View, isSelected: boolean): HTMLElement {
    const { groups } = view;
    const { group } = row;
    const path = groups.path(group);
    const cut = path.lastIndexOf("/") + 1;
    const name = groups.function(group);
    const button = element("button", { type: "button", class: "pick", "aria-pressed": String(isSelected) });
    const mark = this.markOf(row, view);
    if (mark) button.append(element("span", { class: `mark ${mark.toLowerCase()}` }, mark), " ");
    // What tells lines apart comes first: the folder is what is cut where there is little room.
    if (name) button.append(element("b", {}, name), " ");
    const file = path.slice(cut) + groups.position(group);
    button.append(name ? file : element("b", {}, file));
    if (groups.isInlined(group)) button.append(" ", element("span", { class: "dim" }, "inlined"));
    if (groups.was(group) > 0) button.append(" ", element("span", { class: "dim" }, `was :${groups.was(group)}`));
    if (cut > 0) button.append(" ", element("span", { class: "dim" }, path.slice(0, cut - 1) || "/"));
    const full = groups.fullFunction(group);
    button.title = (full && full !== name ? `${full}\n` : "") + path + groups.position(group);
    button.addEventListener("click", () => this.events.select(isSelected ? -1 : group));
    const source = groups.source(group);
    return element("th", { scope: "row", class: "name" }, button, source !== "" && element("code", { class: "source" }, source));
  }

  private markOf(row: Row, view: View): string {
    if (!view.isComparison) return "";
    if (row.countBefore === 0 && row.count > 0) return "NEW";
    return row.count === 0 && row.countBefore > 0 ? "GONE" : "";
  }

  private ofSnapshot(view: View): Column[] {
    const whole = view.rows.reduce((sum, row) => sum + row.own, 0);
    const most = largest(view.rows, (row) => row.own);
    return [
      {
        sort: "own", title: "Size", className: "number wide", explains: "What blocks that were allocated there hold",
        value: (row) => row.own,
        cell: (row) => [exact(row.own), error(row.error), share(row.own, whole), bar(row.own / most, "part", row.error / most)],
      },
      {
        sort: "count", title: "Blocks", className: "number minor", explains: "How many blocks these are",
        value: (row) => row.count, cell: (row) => [format.count(row.count)],
      },
      {
        sort: "average", title: "Average", className: "number least", explains: "Bytes a block",
        value: (row) => average(row), cell: (row) => [row.count ? format.size(average(row)) : ""],
      },
      {
        sort: "total", title: "Total", className: "number minor total", explains: "With all that was allocated in what it calls; each block once",
        value: (row) => row.total,
        cell: (row) => [exact(row.total), share(row.total, whole)],
      },
    ];
  }

  private ofComparison(view: View): Column[] {
    const change = (row: Row) => row.own - row.ownBefore;
    const most = largest(view.rows, (row) => Math.abs(change(row)));
    return [
      {
        sort: "change", title: "Change", className: "number wide", explains: "How much more, or less, it holds",
        value: change,
        cell: (row) => [exact(change(row), true), error(row.error), bar(Math.abs(change(row)) / most, change(row) > 0 ? "grown" : "shrunk", row.error / most)],
      },
      {
        sort: "own", title: "After", className: "number", explains: "What it holds afterwards",
        value: (row) => row.own, cell: (row) => [exact(row.own)],
      },
      {
        sort: "before", title: "Before", className: "number minor", explains: "What it held before",
        value: (row) => row.ownBefore, cell: (row) => [exact(row.ownBefore)],
      },
      {
        sort: "count_change", title: "Blocks ±", className: "number least", explains: "How many blocks more, or less",
        value: (row) => row.count - row.countBefore, cell: (row) => [format.count(row.count - row.countBefore, true)],
      },
      {
        sort: "total", title: "Total ±", className: "number minor", explains: "The change of it and of all that it calls; each block once",
        value: (row) => row.total - row.totalBefore, cell: (row) => [exact(row.total - row.totalBefore, true)],
      },
    ];
  }
}

function hasChanged(row: Row): boolean {
  return row.own !== row.ownBefore || row.count !== row.countBefore || row.total !== row.totalBefore;
}

function largest(rows: Row[], value: (row: Row) => number): number {
  return rows.reduce((most, row) => Math.max(most, value(row)), 1);
}

function average(row: Row): number {
  return row.count === 0 ? 0 : row.own / row.count;
}

function exact(size: number, signed = false): HTMLElement {
  return element("span", { title: `${format.count(size, signed)} bytes` }, format.size(size, signed));
}

function error(error: number): HTMLElement | string {
  return error > 0 ? element("span", { class: "error" }, ` ± ${format.size(error)}`) : "";
}

function share(part: number, whole: number): HTMLElement {
  return element("span", { class: "share" }, format.percent(part, whole));
}

// With the standard error as a line around its end, all as parts of the longest one.
function bar(part: number, kind: string, error: number): HTMLElement {
  const made = element("span", { class: `bar ${kind}`, "aria-hidden": "true" });
  made.style.setProperty("--part", `${Math.min(100, part * 100)}%`);
  if (error > 0) {
    const line = element("span", { class: "whisker" });
    line.style.setProperty("--from", `${Math.max(0, (part - error) * 100)}%`);
    line.style.setProperty("--to", `${Math.min(100, (part + error) * 100)}%`);
    made.append(line);
  }
  return made;
}
