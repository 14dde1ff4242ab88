// The figures of what is looked at: every number on the page comes from here.
import { changeColour, ownershipColour } from "./colours";
import { Data } from "./data";
import * as format from "./format";
import { Picture } from "./flame";
import { GroupBy, Groups } from "./groups";
import { matcher } from "./match";
import { isComparison, State } from "./state";
import { amountsOf, changes, drawnTree, forwardTree, outermost, reached, Sums, sums, Tree, valuesOf, variancesOf } from "./tree";

// Of a group: what is its own, and what is reached through it, before and after. A single snapshot
// is "after".
export interface Row {
  group: number;
  ownBefore: number; // bytes
  own: number;
  countBefore: number; // blocks
  count: number;
  totalBefore: number; // bytes
  total: number;
  error: number; // standard error of the size, or of its change, in bytes; 0: exact
}

export interface Found {
  groups: Uint8Array; // by group
  number: number;
  before: number; // bytes or blocks on tracebacks through them
  after: number;
}

function cached<T>(make: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) known.set(key, (value = make(key)));
    return value;
  };
}

// Of the canvas: a second picture that is narrower has a scale of its own.
const kLeastShare = 0.25;

export class View {
  readonly groupsBy = cached((by) => new Groups(this.data, by as GroupBy));
  private readonly forward = cached((key) => {
    const [by, own] = key.split(" ");
    return forwardTree(this.data, this.groupsBy(by), own === "own");
  });
  private readonly outer = cached((key) => outermost(this.forward(key), this.groupsBy(key.split(" ")[0]).size));
  private readonly drawnBy = cached((key) => {
    const [by, own, inverted, recursion] = key.split(" ");
    return drawnTree(this.forward(`${by} ${own}`), this.groupsBy(by), inverted === "inverted", recursion === "merged");
  });

  groups!: Groups;
  tree!: Tree;
  drawn!: Tree;
  // Of the drawn tree, by side; a single snapshot is both.
  before!: Sums;
  after!: Sums;
  grown!: Float64Array;
  gone!: Float64Array;
  found: Found | null = null;
  problem = ""; // with the search
  rows: Row[] = [];
  private factor = 1; // of what was before, where it is normalized
  private treeKey = "";
  private readonly done = new Map<string, string>();

  constructor(readonly data: Data) {}

  get isComparison(): boolean {
    return isComparison(this.data);
  }

  get isEstimate(): boolean {
    return amountsOf(this.data, 0, this.data.metric).sizeVariance !== null;
  }

  update(state: State): void {
    const treeKey = `${state.group} ${state.own ? "own" : "all"}`;
    const drawnKey = `${treeKey} ${state.inverted ? "inverted" : "forward"} ${state.recursion ? "merged" : "whole"}`;
    this.groups = this.groupsBy(state.group);
    this.tree = this.forward(treeKey);
    this.drawn = this.drawnBy(drawnKey);
    if (state.zoom >= this.drawn.size) state.zoom = 0;
    if (state.selected >= this.groups.size) state.selected = -1;
    this.treeKey = treeKey;
    this.onceFor("sums", `${drawnKey} ${state.metric} ${state.measure} ${state.normalized}`, () => this.sumUp(state));
    this.find(state);
    this.onceFor("rows", `${drawnKey} ${state.metric} ${state.zoom}`, () => this.fillRows(state));
  }

  // Not again for what is the same as last time.
  private onceFor(what: string, key: string, work: () => void): void {
    if (this.done.get(what) === key) return;
    this.done.set(what, key);
    work();
  }

  private sumUp(state: State): void {
    const sumOf = (side: number) => {
      const amounts = amountsOf(this.data, side, state.metric);
      return sums(this.drawn, valuesOf(amounts, state.measure), variancesOf(amounts, state.measure), null);
    };
    this.after = sumOf(this.data.sides.length - 1);
    this.before = this.isComparison ? sumOf(0) : this.after;
    this.factor = 1;
    if (this.isComparison && state.normalized && this.before.total[0] > 0) {
      this.factor = this.after.total[0] / this.before.total[0];
    }
    if (!this.isComparison) return;
    const scaled = this.factor === 1 ? this.before.own : this.before.own.map((value) => value * this.factor);
    ({ grown: this.grown, gone: this.gone } = changes(this.drawn, scaled, this.after.own));
  }

  private find(state: State): void {
    this.found = null;
    this.problem = "";
    const isWanted = new Uint8Array(this.groups.size);
    if (state.query !== "") {
      try {
        const matches = matcher(state.query, state.mode);
        for (let group = 0; group < this.groups.size; ++group) isWanted[group] = this.groups.matches(group, matches) ? 1 : 0;
      } catch (error) {
        this.problem = error instanceof SyntaxError ? "This is no regular expression." : String(error);
        return;
      }
    } else if (state.selected >= 0) {
      isWanted[state.selected] = 1;
    } else {
      return;
    }
    const through = reached(this.tree, isWanted);
    const sumOf = (side: number) => {
      const values = valuesOf(amountsOf(this.data, side, state.metric), state.measure);
      let sum = 0;
      this.tree.rowNode.forEach((node, row) => (sum += through[node] ? values[row] : 0));
      return sum;
    };
    // Those that have something in the picture.
    const seen = new Uint8Array(this.groups.size);
    for (let node = 1; node < this.tree.size; ++node) seen[this.tree.group[node]] = 1;
    let number = 0;
    for (let group = 0; group < isWanted.length; ++group) number += isWanted[group] & seen[group];
    this.found = { groups: isWanted, number, before: sumOf(0), after: sumOf(this.data.sides.length - 1) };
  }

  // Of the tracebacks below the zoomed frame.
  private fillRows(state: State): void {
    let isWanted: Uint8Array | null = null;
    if (state.zoom !== 0) {
      const inside = this.drawn.below(state.zoom);
      isWanted = Uint8Array.from(this.drawn.rowNode, (node) => inside[node]);
    }
    const isOuter = this.outer(this.treeKey);
    const size = this.groups.size;
    const byGroup = (values: Float64Array, all: boolean) => {
      const sum = new Float64Array(size);
      for (let node = 1; node < this.tree.size; ++node) {
        if (all || isOuter[node]) sum[this.tree.group[node]] += values[node];
      }
      return sum;
    };
    const sidesOf = (side: number) => {
      const amounts = amountsOf(this.data, side, state.metric);
      const sizes = sums(this.tree, amounts.size, amounts.sizeVariance, isWanted);
      // Callers have blocks where they have bytes: their number is not asked for.
      const count = new Float64Array(size);
      this.tree.rowNode.forEach((node, row) => {
        if (!isWanted || isWanted[row]) count[this.tree.group[node]] += amounts.count[row];
      });
      return {
        own: byGroup(sizes.own, true),
        total: byGroup(sizes.total, false),
        count,
        variance: sizes.ownVariance ? byGroup(sizes.ownVariance, true) : null,
      };
    };
    const after = sidesOf(this.data.sides.length - 1);
    const before = this.isComparison ? sidesOf(0) : after;
    this.rows = [];
    for (let group = 0; group < size; ++group) {
      if (!(after.count[group] || before.count[group] || after.total[group] || before.total[group])) continue;
      const variance = (after.variance?.[group] ?? 0) + (this.isComparison ? before.variance?.[group] ?? 0 : 0);
      this.rows.push({
        group,
        ownBefore: before.own[group],
        own: after.own[group],
        countBefore: before.count[group],
        count: after.count[group],
        totalBefore: before.total[group],
        total: after.total[group],
        error: Math.sqrt(variance),
      });
    }
  }

  // From -1, gone, to 1, new.
  change(node: number): number {
    const before = this.before.total[node] * this.factor;
    const after = this.after.total[node];
    return before === after ? 0 : (after - before) / Math.max(before, after);
  }

  mark(node: number): string {
    if (!this.isComparison || node === 0) return "";
    if (this.before.total[node] === 0 && this.after.total[node] !== 0) return "NEW";
    return this.after.total[node] === 0 && this.before.total[node] !== 0 ? "GONE" : "";
  }

  // The main picture, and the second one of what is not in it.
  pictures(state: State): { main: Picture; other: Picture | null; otherIsGone: boolean; otherScale: number } {
    const { drawn, groups } = this;
    const isFound = this.found ? (node: number) => node !== 0 && this.found!.groups[drawn.group[node]] !== 0 : null;
    const isExact = this.after.variance === null;
    const base = {
      tree: drawn,
      zoom: state.zoom,
      share: 1,
      label: (node: number) => (node === 0 ? this.rootLabel() : groups.label(drawn.group[node])),
      colour: (node: number) => this.colour(node),
      mark: (node: number) => this.mark(node),
      error: (node: number) => (isExact || state.shape !== "after" ? 0 : Math.sqrt(this.after.variance![node])),
      isFound,
      isIcicle: state.icicle,
    };
    if (!this.isComparison) return { main: { ...base, widths: this.after.total }, other: null, otherIsGone: true, otherScale: 1 };
    const otherIsGone = state.shape !== "before";
    const main = state.shape === "before" ? this.before.total : state.shape === "change" ? this.grown : this.after.total;
    const other = otherIsGone ? this.gone : this.grown;
    // One scale for both, unless nothing could be seen then.
    const scale = Math.max(main[state.zoom], other[state.zoom]) || 1;
    const share = other[state.zoom] / scale;
    const otherScale = share > 0 && share < kLeastShare ? 1 / share : 1;
    return {
      main: { ...base, widths: main, share: main[state.zoom] / scale || 1 },
      other: share > 0 ? { ...base, widths: other, share: share * otherScale, error: () => 0, colour: () => changeColour(otherIsGone ? -1 : 1), mark: () => "" } : null,
      otherIsGone,
      otherScale,
    };
  }

  private rootLabel(): string {
    const { program } = this.data.sides[this.data.sides.length - 1];
    return program.slice(program.lastIndexOf("/") + 1) || "everything";
  }

  title(node: number): string {
    return node === 0 ? this.rootLabel() : this.groups.title(this.drawn.group[node]);
  }

  private colour(node: number): string {
    if (this.isComparison) return changeColour(this.change(node));
    if (node === 0) return changeColour(0);
    const group = this.drawn.group[node];
    const owner = this.groups.module(group) || this.groups.path(group);
    return ownershipColour(owner, group === this.groups.hidden || this.groups.isSystem[group]);
  }

  // "12.4 MiB", "1,024 blocks": by what is measured.
  amount(value: number, state: State, signed = false): string {
    if (state.measure === "size") return format.size(value, signed);
    return `${format.count(value, signed)} ${Math.abs(value) === 1 ? "block" : "blocks"}`;
  }
}
