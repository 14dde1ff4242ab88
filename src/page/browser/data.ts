// What the page is told: the tables that page_data.cpp writes, unpacked.

export type Metric = "live" | "peak" | "total";

export interface Note {
  text: string;
  label: string;
  is_warning: boolean;
  is_headline: boolean;
}

export interface Points {
  time: number[]; // milliseconds since the Unix epoch
  size: number[]; // bytes
}

export interface Course {
  started: number | null;
  created: number | null;
  current: number | null;
  peak: number | null;
  traced?: Points;
  resident?: Points;
  held?: Points;
}

export interface Side {
  path: string;
  program: string;
  process: string; // equal for snapshots of one process; empty: not known
  facts: [string, string][];
  course: Course;
}

export interface Judgement {
  verdict: string;
  doubt: string;
  slope: number | null;
  slope_low: number | null;
  slope_high: number | null;
  windows: number;
  windows_grown: number;
  approaches: number | null;
}

export interface SeriesGroup extends Judgement {
  path: string;
  position: string;
  function: string;
  sizes: number[];
  counts?: number[];
}

export interface Series {
  unit: string;
  warm_up: number;
  verdict: string;
  times: (number | null)[];
  total: Judgement & { sizes: number[]; counts: number[] };
  memory: SeriesGroup[];
  groups: SeriesGroup[];
  groups_in_all: number;
}

// Of rows: bytes and blocks, and the squares of the standard errors where they are estimates.
export interface Amounts {
  size: Float64Array;
  count: Float64Array;
  sizeVariance: Float64Array | null;
  countVariance: Float64Array | null;
}

// Names are indices; -1 is unknown.
export interface Frames {
  file: Int32Array;
  line: Int32Array;
  function: Int32Array;
  module: Int32Array;
  package: Int32Array; // what the frame is grouped by as a module
  offset: string[]; // hexadecimal; empty: none
  flags: Int32Array;
  was: Int32Array; // the line that it was before; 0: the same
}

export const kSystem = 1;
export const kInlined = 2;
export const kMerged = 4;
export const kUnresolved = 8;

export interface Data {
  generator: string;
  metric: Metric;
  groupBy: string;
  notes: Note[];
  warnings: string[];
  sides: Side[];
  names: string[];
  fullNames: Record<string, string>;
  source: Record<string, string>; // by frame
  frames: Frames;
  // The tree of tracebacks: node 0 is the root, a parent's index is smaller.
  parent: Int32Array;
  frame: Int32Array;
  // What tracebacks hold: the node of each row, and its amounts by side and metric.
  rowNode: Int32Array;
  amounts: Partial<Record<Metric, Amounts>>[];
  metrics: Metric[];
  merged: { tracebacks: number; lines: number; size: number };
  series: Series | null;
}

async function unpacked(base64: string): Promise<string> {
  if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old, one of 2023 or later can");
  const packed = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function tree(up: number[], frameOfNode: number[]): { parent: Int32Array; frame: Int32Array } {
  const parent = new Int32Array(up.length + 1);
  const frame = new Int32Array(up.length + 1);
  frame[0] = -1;
  for (let i = 0; i < up.length; ++i) {
    parent[i + 1] = i + 1 - up[i];
    frame[i + 1] = frameOfNode[i];
  }
  return { parent, frame };
}

function runningSum(steps: number[]): Int32Array {
  const sums = new Int32Array(steps.length);
  let sum = 0;
  for (let i = 0; i < steps.length; ++i) sums[i] = sum += steps[i];
  return sums;
}

function amountsOf(columns: any): Amounts {
  const column = (name: string) => (columns[name] ? Float64Array.from(columns[name]) : null);
  return {
    size: column("size")!,
    count: column("count")!,
    sizeVariance: column("size_variance"),
    countVariance: column("count_variance"),
  };
}

export async function readData(element: Element): Promise<Data> {
  const json = JSON.parse(await unpacked(element.textContent!));
  const metrics = (["live", "peak", "total"] as Metric[]).filter((metric) => json.rows.amounts[0][metric]);
  const frames: any = { offset: json.frames.offset };
  for (const name of ["file", "line", "function", "module", "package", "flags", "was"]) {
    frames[name] = Int32Array.from(json.frames[name]);
  }
  return {
    generator: json.generator,
    metric: json.metric,
    groupBy: json.group_by,
    notes: json.notes,
    warnings: json.warnings,
    sides: json.sides,
    names: json.names,
    fullNames: json.full_names,
    source: json.source,
    frames,
    ...tree(json.nodes.up, json.nodes.frame),
    rowNode: runningSum(json.rows.step),
    amounts: json.rows.amounts.map((side: any) =>
      Object.fromEntries(metrics.map((metric) => [metric, amountsOf(side[metric])])),
    ),
    metrics,
    merged: json.merged,
    series: json.series ?? null,
  };
}
