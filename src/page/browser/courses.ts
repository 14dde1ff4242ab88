// Charts of memory over time: of a process, and from snapshot to snapshot of a series.
import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { curveStepAfter, line } from "d3-shape";
import { Data, Judgement, Points, Series, SeriesGroup, Side } from "./data";
import { byId, element, replaceChildren } from "./dom";
import * as format from "./format";

const kSvg = "http://www.w3.org/2000/svg";

function svg(tag: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const made = document.createElementNS(kSvg, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text) made.textContent = text;
  return made;
}

interface Curve {
  name: string;
  className: string;
  points: [number, number][];
  isStep: boolean;
}

interface Mark {
  x: number;
  y: number | null; // null: a line across
  text: string;
  className: string;
}

interface Chart {
  width: number;
  height: number;
  curves: Curve[];
  marks: Mark[];
  says: string; // for whoever does not see it
  start: number | null; // of the time that is counted from; null: the points are numbered
  fromZero: boolean;
}

// Steps of bytes that read well: 1, 2 or 5 of a power of 1024.
function sizeTicks(low: number, high: number, about: number): number[] {
  const step = (high - low) / about;
  if (!(step > 0)) return [low];
  const unit = Math.pow(1024, Math.max(0, Math.floor(Math.log2(step) / 10)));
  let nice = Math.pow(10, Math.floor(Math.log10(step / unit)));
  for (const factor of [1, 2, 5, 10]) {
    if (nice * factor >= step / unit) {
      nice *= factor;
      break;
    }
  }
  const ticks: number[] = [];
  const width = Math.max(1, nice * unit);
  for (let tick = Math.ceil(low / width) * width; tick <= high; tick += width) ticks.push(tick);
  return ticks;
}

const kSecond = 1000;
const kHour = 3600 * kSecond;
const kSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500]
  .concat([1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800].map((seconds) => seconds * kSecond))
  .concat([1, 2, 3, 6, 12, 24, 48, 168, 336, 720, 2160, 8760].map((hours) => hours * kHour));

// Milliseconds that read well as durations.
function timeTicks(first: number, last: number, about: number): number[] {
  const step = kSteps.find((each) => (last - first) / each <= about) ?? (last - first) / about;
  const ticks: number[] = [];
  for (let tick = Math.ceil(first / step) * step; tick <= last && ticks.length < 100; tick += step) ticks.push(tick);
  return ticks;
}

function draw(chart: Chart): SVGElement {
  const { width, height, curves, marks } = chart;
  const margin = { top: 16, right: 30, bottom: 22, left: 62 };
  const all = curves.flatMap((curve) => curve.points);
  const xs = [...all.map((point) => point[0]), ...marks.map((mark) => mark.x)];
  const ys = all.map((point) => point[1]);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  let low = chart.fromZero ? 0 : Math.min(...ys);
  let high = Math.max(...ys, low + 1);
  if (!chart.fromZero) low = Math.max(0, low - (high - low) * 0.1);
  high += (high - low) * 0.06;
  const x = scaleLinear().domain([left, right > left ? right : left + 1]).range([margin.left, width - margin.right]);
  const y = scaleLinear().domain([low, high]).range([height - margin.bottom, margin.top]);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": chart.says });
  const bottom = svg("g", { class: "axis", transform: `translate(0,${height - margin.bottom})` });
  const side = svg("g", { class: "axis", transform: `translate(${margin.left},0)` });
  const { start } = chart;
  const about = Math.max(3, Math.floor(width / 110));
  const ticksX = start === null ? x.ticks(about).filter(Number.isInteger) : timeTicks(left - start, right - start, about).map((time) => time + start);
  const words = (at: number) => (start === null ? String(at + 1) : at === start ? "start" : format.duration(at - start));
  select(bottom).call(axisBottom(x).tickValues(ticksX).tickFormat(words).tickSizeOuter(0));
  select(side).call(axisLeft(y).tickValues(sizeTicks(low, high, 3)).tickFormat((size) => format.size(size)).tickSizeOuter(0).tickSizeInner(-(width - margin.left - margin.right)).tickPadding(8));
  root.append(side, bottom);
  for (const curve of curves) {
    const path = curve.isStep ? line().curve(curveStepAfter) : line();
    const points = curve.points.map(([px, py]) => [x(px), y(py)] as [number, number]);
    root.append(svg("path", { class: `curve ${curve.className}`, d: path(points) ?? "" }));
    if (!curve.isStep && points.length <= 40) {
      for (const [cx, cy] of points) root.append(svg("circle", { class: `dot ${curve.className}`, cx, cy, r: 2.2 }));
    }
  }
  for (const mark of marks) {
    const px = x(mark.x);
    if (mark.y === null) root.append(svg("line", { class: `mark ${mark.className}`, x1: px, x2: px, y1: margin.top, y2: height - margin.bottom }));
    else root.append(svg("circle", { class: `peak ${mark.className}`, cx: px, cy: y(mark.y), r: 4 }));
    const isLeft = px > width * 0.7;
    root.append(svg("text", { class: "label", x: px + (isLeft ? -7 : 7), y: mark.y === null ? margin.top + 8 : Math.max(10, y(mark.y) - 4), "text-anchor": isLeft ? "end" : "start" }, mark.text));
  }
  return root;
}

function legend(curves: Curve[]): HTMLElement {
  const items = curves.map((curve) => element("li", { class: curve.className }, curve.name));
  const list = element("ul", { class: "legend" });
  list.append(...items);
  return list;
}

// --- a process ---

function pairs(points: Points | undefined): [number, number][] {
  return points ? points.time.map((time, i) => [time, points.size[i]]) : [];
}

function courseOf(side: Side, moments: [string, number][], width: number): HTMLElement | null {
  const { course } = side;
  const curves: Curve[] = [
    { name: "resident", className: "resident", points: pairs(course.resident), isStep: false },
    { name: "held by the allocator", className: "held", points: pairs(course.held), isStep: false },
    { name: "traced", className: "traced", points: pairs(course.traced), isStep: true },
  ].filter((curve) => curve.points.length > 1);
  const all = curves.flatMap((curve) => curve.points);
  if (all.length === 0) return null;
  const start = course.started ?? Math.min(...all.map((point) => point[0]));
  const marks: Mark[] = [];
  let peak = "";
  const traced = curves.find((curve) => curve.className === "traced");
  if (traced) {
    const highest = traced.points.reduce((most, point) => (point[1] > most[1] ? point : most));
    peak = `peak ${format.size(course.peak ?? highest[1])}`;
    marks.push({ x: highest[0], y: highest[1], text: peak, className: "traced" });
  }
  const [first, last] = [Math.min(...all.map((p) => p[0])), Math.max(...all.map((p) => p[0]))];
  for (const [name, moment] of moments) {
    if (moment >= first && moment <= last && moments.length > 1) marks.push({ x: moment, y: null, text: name, className: "moment" });
  }
  const says = `Memory over ${format.duration(last - first)}: ${curves.map((curve) => `${curve.name} from ${format.size(curve.points[0][1])} to ${format.size(curve.points[curve.points.length - 1][1])}`).join(", ")}${peak ? `, traced ${peak}` : ""}`;
  const chart = draw({ width, height: 170, curves, marks, says, start, fromZero: true });
  return element("div", {}, chart, legend(curves));
}

export function showCourses(data: Data): void {
  const box = byId("courses");
  const width = Math.max(260, box.clientWidth || 480);
  const isOne = data.sides.length === 2 && data.sides[0].process !== "" && data.sides[0].process === data.sides[1].process;
  const named = data.sides.length === 1 ? ["snapshot"] : ["before", "after"];
  const made: (Node | string)[] = [];
  data.sides.forEach((side, index) => {
    if (isOne && index === 0) return;
    const moments = (isOne ? data.sides : [side]).flatMap((each, i): [string, number][] =>
      each.course.created === null ? [] : [[isOne ? named[i] : named[index], each.course.created]]);
    const chart = courseOf(side, moments, width);
    if (!chart) return;
    if (data.sides.length === 2 && !isOne) made.push(element("h3", {}, named[index]));
    made.push(chart);
  });
  byId("courses-box").hidden = made.length === 0;
  replaceChildren(box, ...made);
}

// --- a series ---

const kFirstCards = 6;
const kPer: Record<string, string> = { snapshot: "a snapshot", hour: "an hour", work: "a unit of work" };

function slopeWords(judgement: Judgement, unit: string): string {
  if (judgement.slope === null) return "";
  const per = kPer[unit] ?? unit;
  const [low, high] = [judgement.slope_low, judgement.slope_high].map((slope) => (slope === null ? "" : format.size(slope, true)));
  const between = low !== high ? ` (95%: ${low || "?"} to ${high || "?"})` : "";
  const limit = judgement.approaches !== null ? `, approaches ${format.size(judgement.approaches)}` : "";
  return `${format.size(judgement.slope, true)} ${per}${between}${limit}`;
}

function card(group: SeriesGroup, series: Series, width: number): HTMLElement {
  const times = series.times.every((time) => time !== null) ? (series.times as number[]) : series.times.map((_, i) => i);
  const isDated = series.times.every((time) => time !== null);
  const points = group.sizes.map((size, i) => [times[i], size] as [number, number]);
  const place = group.path.slice(group.path.lastIndexOf("/") + 1) + group.position;
  const judged = points[series.warm_up];
  const marks: Mark[] = series.warm_up > 0 && judged ? [{ x: judged[0], y: null, text: "judged from here", className: "moment" }] : [];
  const says = `${group.function || place}: ${group.verdict}, from ${format.size(group.sizes[0])} to ${format.size(group.sizes[group.sizes.length - 1])} over ${group.sizes.length} snapshots`;
  const chart = draw({
    width, height: 130, marks, says, fromZero: false,
    curves: [{ name: place, className: `verdict-${group.verdict}`, points, isStep: false }],
    start: isDated ? times[0] : null,
  });
  const doubt = group.doubt && group.doubt !== "none" ? `: ${group.doubt}` : "";
  return element(
    "li", { class: "card" },
    element("p", { class: "card-title", title: group.path + group.position }, element("span", { class: `verdict ${group.verdict}` }, group.verdict + doubt), " ", element("b", {}, group.function || place)),
    element("p", { class: "dim card-place" }, group.function && group.path ? place : ""),
    element("p", { class: "card-slope" }, slopeWords(group, series.unit)),
    chart,
  );
}

export function showSeries(data: Data): void {
  const { series } = data;
  byId("series-box").hidden = !series;
  if (!series) return;
  const total: SeriesGroup = { ...series.total, path: "", position: "", function: "all that is selected" };
  const moves = series.groups.filter((group) => group.verdict !== "flat");
  const all = [total, ...series.memory.filter((each) => each.path !== "traced"), ...(moves.length > 0 ? moves : series.groups)];
  const more = byId<HTMLButtonElement>("more-series");
  const box = byId("series");
  const list = (number: number) => {
    const columns = Math.max(1, Math.floor((box.clientWidth + 16) / 336));
    const width = Math.max(240, Math.floor((box.clientWidth - 16 * (columns - 1)) / columns) - 26);
    replaceChildren(box, ...all.slice(0, number).map((group) => card(group, series, width)));
    more.hidden = number >= all.length;
    more.textContent = `Show all ${all.length}`;
  };
  more.onclick = () => list(Infinity);
  list(kFirstCards);
}
