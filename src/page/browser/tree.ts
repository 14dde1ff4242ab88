// Trees of calls: the one that every figure comes from, and the one that is drawn.
import { Amounts, Data, Metric, kSystem } from "./data";
import { Groups } from "./groups";

// Children of nodes by group, as a table of open addresses: a Map of numbers takes ten times as long.
class ChildIndex {
  private mask = 1023;
  private slots = new Int32Array(1024);
  private used = 0;

  constructor(private readonly parent: Column, private readonly group: Column) {}

  // The node below `parent` with that group; negative: there is none.
  find(parent: number, group: number): number {
    for (let slot = this.slotOf(parent, group); ; slot = (slot + 1) & this.mask) {
      const node = this.slots[slot] - 1;
      if (node < 0) return -1;
      if (this.parent.at(node) === parent && this.group.at(node) === group) return node;
    }
  }

  add(node: number): void {
    if (++this.used * 2 > this.mask) this.grow(node);
    else this.put(node);
  }

  private slotOf(parent: number, group: number): number {
    let hash = Math.imul(parent, 0x9e3779b1) ^ Math.imul(group, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    return (hash ^ (hash >>> 13)) & this.mask;
  }

  private put(node: number): void {
    let slot = this.slotOf(this.parent.at(node), this.group.at(node));
    while (this.slots[slot] !== 0) slot = (slot + 1) & this.mask;
    this.slots[slot] = node + 1;
  }

  private grow(last: number): void {
    this.mask = this.mask * 2 + 1;
    this.slots = new Int32Array(this.mask + 1);
    for (let node = 1; node <= last; ++node) this.put(node);
  }
}

class Column {
  private values = new Int32Array(1024);
  length = 0;

  at(index: number): number {
    return this.values[index];
  }
  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = new Int32Array(this.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }
  take(): Int32Array {
    return this.values.slice(0, this.length);
  }
}

export class Tree {
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;

  // Node 0 is the root; a parent's index is smaller. `rowNode` is where the rows of the data belong.
  constructor(readonly parent: Int32Array, readonly group: Int32Array, readonly rowNode: Int32Array) {
    this.firstChild = new Int32Array(parent.length);
    this.nextSibling = new Int32Array(parent.length);
    for (let node = parent.length - 1; node > 0; --node) {
      this.nextSibling[node] = this.firstChild[parent[node]];
      this.firstChild[parent[node]] = node;
    }
  }

  get size(): number {
    return this.parent.length;
  }

  children(node: number): number[] {
    const children: number[] = [];
    for (let child = this.firstChild[node]; child !== 0; child = this.nextSibling[child]) children.push(child);
    return children;
  }

  // From the first frame down to the node; not the root.
  path(node: number): number[] {
    const path: number[] = [];
    for (; node !== 0; node = this.parent[node]) path.push(node);
    return path.reverse();
  }

  // By node: whether it is `top` or below it.
  below(top: number): Uint8Array {
    const inside = new Uint8Array(this.size);
    inside[top] = 1;
    for (let node = Math.max(top + 1, 1); node < this.size; ++node) inside[node] |= inside[this.parent[node]];
    return inside;
  }
}

class TreeBuilder {
  private readonly parent = new Column();
  private readonly group = new Column();
  private readonly index = new ChildIndex(this.parent, this.group);

  constructor() {
    this.parent.push(0);
    this.group.push(-1);
  }

  child(parent: number, group: number): number {
    const found = this.index.find(parent, group);
    if (found >= 0) return found;
    const node = this.parent.length;
    this.parent.push(parent);
    this.group.push(group);
    this.index.add(node);
    return node;
  }

  // The same; a group that is on the way to `parent` already is gone back to.
  childWithoutRecursion(parent: number, group: number): number {
    for (let node = parent; node !== 0; node = this.parent.at(node)) {
      if (this.group.at(node) === group) return node;
    }
    return this.child(parent, group);
  }

  build(rowNode: Int32Array): Tree {
    return new Tree(this.parent.take(), this.group.take(), rowNode);
  }
}

// Callers above what they call. With `own`, frames of system code and libraries are hidden: blocks
// belong to their nearest visible caller.
export function forwardTree(data: Data, groups: Groups, own: boolean): Tree {
  const builder = new TreeBuilder();
  const nodeOf = new Int32Array(data.parent.length);
  for (let i = 1; i < data.parent.length; ++i) {
    const frame = data.frame[i];
    const above = nodeOf[data.parent[i]];
    const isHidden = own && (data.frames.flags[frame] & kSystem) !== 0;
    nodeOf[i] = isHidden ? above : builder.child(above, groups.ofFrame[frame]);
  }
  const rowNode = new Int32Array(data.rowNode.length);
  for (let row = 0; row < rowNode.length; ++row) {
    rowNode[row] = nodeOf[data.rowNode[row]] || builder.child(0, groups.hidden);
  }
  return builder.build(rowNode);
}

// Of one traceback, by callers: more than the tracer keeps. A file that somebody made up may have a
// traceback of a million frames, which would be as many for each of them.
const kMostCallers = 1024;

// The tree as it is drawn: callers below what they call, or recursion as one frame, or both.
export function drawnTree(tree: Tree, groups: Groups, inverted: boolean, mergesRecursion: boolean): Tree {
  // A file or a module that calls itself is no news.
  const mergesNeighbours = groups.by === "filename" || groups.by === "module";
  if (!inverted && !mergesRecursion && !mergesNeighbours) return tree;
  const builder = new TreeBuilder();
  const group = (node: number) => tree.group[node];
  const child = (parent: number, parentGroup: number, own: number) => {
    if (mergesNeighbours && parentGroup === own) return parent;
    return mergesRecursion ? builder.childWithoutRecursion(parent, own) : builder.child(parent, own);
  };
  const drawn = new Int32Array(tree.size);
  if (inverted) {
    const holds = new Uint8Array(tree.size);
    for (const node of tree.rowNode) holds[node] = 1;
    for (let node = 1; node < tree.size; ++node) {
      if (!holds[node]) continue;
      let at = 0;
      let last = -1;
      let left = kMostCallers;
      for (let caller = node; caller !== 0 && left-- > 0; caller = tree.parent[caller]) {
        at = child(at, last, group(caller));
        last = group(caller);
      }
      drawn[node] = at;
    }
  } else {
    for (let node = 1; node < tree.size; ++node) {
      drawn[node] = child(drawn[tree.parent[node]], group(tree.parent[node]), group(node));
    }
  }
  return builder.build(tree.rowNode.map((node) => drawn[node]));
}

// By node: bytes or blocks of its own, and of all below it, and the squares of their errors.
export interface Sums {
  own: Float64Array;
  total: Float64Array;
  variance: Float64Array | null; // of the total
  ownVariance: Float64Array | null;
}

function addUp(tree: Tree, own: Float64Array): Float64Array {
  const total = own.slice();
  for (let node = tree.size - 1; node > 0; --node) total[tree.parent[node]] += total[node];
  return total;
}

// `isWanted`: by row; null: all rows.
export function sums(tree: Tree, values: Float64Array, variances: Float64Array | null, isWanted: Uint8Array | null): Sums {
  const own = new Float64Array(tree.size);
  const ownVariance = variances ? new Float64Array(tree.size) : null;
  for (let row = 0; row < tree.rowNode.length; ++row) {
    if (isWanted && !isWanted[row]) continue;
    own[tree.rowNode[row]] += values[row];
    if (ownVariance) ownVariance[tree.rowNode[row]] += variances![row];
  }
  return { own, ownVariance, total: addUp(tree, own), variance: ownVariance && addUp(tree, ownVariance) };
}

// What a difference consists of: on each node, what came and what went, traceback by traceback.
export function changes(tree: Tree, before: Float64Array, after: Float64Array): { grown: Float64Array; gone: Float64Array } {
  const grown = new Float64Array(tree.size);
  const gone = new Float64Array(tree.size);
  for (let node = 0; node < tree.size; ++node) {
    const change = after[node] - before[node];
    if (change > 0) grown[node] = change;
    else gone[node] = -change;
  }
  return { grown: addUp(tree, grown), gone: addUp(tree, gone) };
}

// By node: whether no node above it has its group, so that recursion counts once.
export function outermost(tree: Tree, groups: number): Uint8Array {
  const is = new Uint8Array(tree.size);
  const open = new Int32Array(groups);
  let node = tree.firstChild[0];
  while (node !== 0) {
    if (open[tree.group[node]]++ === 0) is[node] = 1;
    let next = tree.firstChild[node];
    while (next === 0 && node !== 0) {
      --open[tree.group[node]];
      next = tree.nextSibling[node];
      node = tree.parent[node];
    }
    node = next;
  }
  return is;
}

// By node: whether it or a node above it has one of the groups.
export function reached(tree: Tree, isOneOf: Uint8Array): Uint8Array {
  const is = new Uint8Array(tree.size);
  for (let node = 1; node < tree.size; ++node) is[node] = isOneOf[tree.group[node]] || is[tree.parent[node]] ? 1 : 0;
  return is;
}

export function valuesOf(amounts: Amounts, measure: "size" | "count"): Float64Array {
  return measure === "size" ? amounts.size : amounts.count;
}

export function variancesOf(amounts: Amounts, measure: "size" | "count"): Float64Array | null {
  return measure === "size" ? amounts.sizeVariance : amounts.countVariance;
}

export function amountsOf(data: Data, side: number, metric: Metric): Amounts {
  return data.amounts[side][metric]!;
}
