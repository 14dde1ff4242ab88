// What is looked at, and how: kept in the page's address, so that a link shows the same.
import { Data, Metric } from "./data";
import { GroupBy, kGroupBys } from "./groups";
import { Mode } from "./match";

export type Measure = "size" | "count";
export type Shape = "after" | "before" | "change";
export type Sort = "name" | "own" | "total" | "count" | "average" | "before" | "change" | "count_change";

export interface State {
  metric: Metric;
  measure: Measure;
  group: GroupBy;
  own: boolean; // hides system code, standard libraries and packages
  inverted: boolean;
  recursion: boolean; // merged
  icicle: boolean;
  shape: Shape; // of a comparison: what the widths are
  normalized: boolean;
  zoom: number; // a node of the drawn tree
  selected: number; // a group; -1: none
  query: string;
  mode: Mode;
  sort: Sort;
  ascending: boolean;
}

const kSorts: Sort[] = ["name", "own", "total", "count", "average", "before", "change", "count_change"];

export function isComparison(data: Data): boolean {
  return data.sides.length === 2;
}

export function firstState(data: Data): State {
  const group = kGroupBys.find((by) => by === data.groupBy) ?? "lineno";
  return {
    metric: data.metric,
    measure: "size",
    group,
    own: false,
    inverted: false,
    recursion: false,
    icicle: false,
    shape: "after",
    normalized: false,
    zoom: 0,
    selected: -1,
    query: "",
    mode: "text",
    sort: isComparison(data) ? "change" : "own",
    ascending: false,
  };
}

function oneOf<T extends string>(text: string, all: readonly T[], otherwise: T): T {
  return all.find((each) => each === text) ?? otherwise;
}

function index(text: string, otherwise: number): number {
  const number = Number(text);
  return Number.isInteger(number) && number >= otherwise ? number : otherwise;
}

// What the address says; the rest is as it is first.
export function readState(hash: string, data: Data): State {
  const state = firstState(data);
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  for (const [name, text] of given) {
    if (name === "metric") state.metric = oneOf(text, data.metrics, state.metric);
    else if (name === "by") state.measure = oneOf(text, ["size", "count"] as const, "size");
    else if (name === "group") state.group = oneOf(text, kGroupBys, state.group);
    else if (name === "shape") state.shape = oneOf(text, ["after", "before", "change"] as const, "after");
    else if (name === "find") state.query = text;
    else if (name === "mode") state.mode = oneOf(text, ["text", "glob", "regex"] as const, "text");
    else if (name === "zoom") state.zoom = index(text, 0);
    else if (name === "selected") state.selected = index(text, -1);
    else if (name === "sort") state.sort = oneOf(text, kSorts, state.sort);
    else if (name === "own" || name === "inverted" || name === "recursion" || name === "icicle" || name === "normalized" || name === "ascending") {
      state[name] = text === "1";
    }
  }
  return state;
}

// Only what differs from how it is first.
export function writeState(state: State, data: Data): string {
  const first = firstState(data);
  const names: Partial<Record<keyof State, string>> = { measure: "by", query: "find" };
  const said = new URLSearchParams();
  for (const key of Object.keys(first) as (keyof State)[]) {
    if (state[key] === first[key]) continue;
    const value = state[key];
    said.set(names[key] ?? key, typeof value === "boolean" ? (value ? "1" : "0") : String(value));
  }
  return said.toString();
}
