// The page: what is looked at changes, and everything follows.
import { onPaletteChange } from "./colours";
import { showCourses, showSeries } from "./courses";
import { Data, readData } from "./data";
import { byId, element, onceAFrame, replaceChildren } from "./dom";
import { FlameEvents, FlameView } from "./flame";
import * as format from "./format";
import { showAbout, showHeading } from "./heading";
import { isComparison, readState, State, writeState } from "./state";
import { kGroupNames, Table } from "./table";
import { View } from "./view";

// Changes that make other nodes: what was zoomed is elsewhere then.
const kShapes: (keyof State)[] = ["group", "own", "inverted", "recursion"];

class Page {
  private state: State;
  private readonly view: View;
  private readonly main: FlameView;
  private readonly other: FlameView;
  private readonly table: Table;
  private step = typeof history.state === "number" ? history.state : 0; // that the browser can go back

  constructor(private readonly data: Data) {
    this.view = new View(data);
    this.state = readState(location.hash, data);
    const events: FlameEvents = {
      zoom: (node) => this.change({ zoom: node }, true),
      hover: (node, at) => this.hover(node, at),
      focus: (node) => (byId("announced").textContent = this.words(node)),
    };
    this.main = new FlameView(byId("picture"), byId<HTMLCanvasElement>("canvas"), byId("spacer"), events);
    this.other = new FlameView(byId("other-picture"), byId<HTMLCanvasElement>("other-canvas"), byId("other-spacer"), events);
    this.table = new Table({
      select: (group) => this.change({ selected: group }, true),
      sort: (sort) => this.change({ sort, ascending: this.state.sort === sort && !this.state.ascending }, false),
    });
    showHeading(data);
    showAbout(data);
    this.listen();
    this.show(true);
    const redraw = onceAFrame(() => {
      showCourses(data);
      showSeries(data);
    });
    new ResizeObserver(redraw).observe(byId("content"));
  }

  // The former view stays behind the browser's button where `isStep`.
  private change(changes: Partial<State>, isStep: boolean): void {
    const isOtherTree = kShapes.some((key) => key in changes && changes[key] !== this.state[key]);
    this.state = { ...this.state, ...changes };
    if (isOtherTree) this.state.zoom = 0;
    if ("group" in changes) this.state.selected = -1;
    const hash = writeState(this.state, this.data);
    if (isStep) history.pushState(++this.step, "", `#${hash}`);
    else history.replaceState(this.step, "", `#${hash}`);
    this.show(isOtherTree || "query" in changes || "mode" in changes || "zoom" in changes);
  }

  private show(isOtherTable: boolean): void {
    const { state, view } = this;
    view.update(state);
    const { main, other, otherIsGone, otherScale } = view.pictures(state);
    byId("empty").hidden = view.after.total[0] > 0 || view.before.total[0] > 0;
    byId("picture").hidden = !byId("empty").hidden;
    byId("other-box").hidden = other === null;
    this.main.show(main);
    if (other) {
      byId("other-title").textContent = otherIsGone ? "What is gone" : "What came";
      const scale = otherScale === 1 ? "" : `, drawn ${otherScale < 10 ? otherScale.toFixed(1) : format.count(Math.round(otherScale))} times as wide`;
      byId("other-amount").textContent = view.amount(other.widths[state.zoom], state) + scale;
      this.other.show(other);
    }
    this.table.show(view, state, isOtherTable);
    this.showControls();
    this.showPath();
    this.showFound();
    document.documentElement.dataset.ready = "yes";
    document.documentElement.dataset.readyAfter ??= String(performance.now());
  }

  // --- controls ---

  private listen(): void {
    const form = byId<HTMLFormElement>("controls");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", (event) => {
      const input = event.target as HTMLInputElement;
      if (input.name === "query" || !input.name) return;
      const value = input.type === "checkbox" ? input.checked : input.name === "icicle" ? input.value === "1" : input.value;
      this.change({ [input.name]: value } as Partial<State>, false);
    });
    const query = byId<HTMLInputElement>("query");
    const search = onceAFrame(() => this.change({ query: query.value }, false));
    query.addEventListener("input", search);
    byId("reset").addEventListener("click", () => this.change({ zoom: 0 }, true));
    byId("back").addEventListener("click", () => history.back());
    byId("whole").addEventListener("click", () => this.change({ zoom: 0 }, true));
    byId("clear").addEventListener("click", () => {
      query.value = "";
      this.change({ query: "", selected: -1 }, false);
    });
    addEventListener("popstate", (event) => {
      this.step = typeof event.state === "number" ? event.state : 0;
      this.state = readState(location.hash, this.data);
      this.show(true);
    });
    addEventListener("keydown", (event) => this.press(event, query));
    onPaletteChange(() => {
      this.main.redrawAll();
      this.other.redrawAll();
    });
  }

  private press(event: KeyboardEvent, query: HTMLInputElement): void {
    const isTyping = event.target instanceof HTMLInputElement && (event.target.type === "search" || event.target.type === "text");
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      query.focus();
      query.select();
    } else if (event.key === "Escape") {
      if (isTyping && query.value) return;
      if (this.state.selected >= 0) this.change({ selected: -1 }, true);
      else if (this.state.zoom !== 0) this.change({ zoom: this.view.drawn.parent[this.state.zoom] }, true);
    }
  }

  private showControls(): void {
    const { state, data } = this;
    const form = byId<HTMLFormElement>("controls");
    for (const input of form.querySelectorAll("input, select")) {
      const field = input as HTMLInputElement;
      const value = state[field.name as keyof State];
      if (field.name === "query") {
        if (document.activeElement !== field) field.value = state.query;
      } else if (field.type === "checkbox") {
        field.checked = value === true;
      } else if (field.type === "radio") {
        field.checked = field.value === (typeof value === "boolean" ? (value ? "1" : "0") : value);
      } else {
        field.value = String(value);
      }
      if (field.name === "metric") (field.closest("label") as HTMLElement).hidden = !data.metrics.includes(field.value as never);
    }
    byId("metrics").hidden = data.metrics.length < 2;
    for (const box of document.querySelectorAll<HTMLElement>(".comparison")) box.hidden = !isComparison(data);
    for (const box of document.querySelectorAll<HTMLElement>(".single")) box.hidden = isComparison(data);
    for (const box of document.querySelectorAll<HTMLElement>(".estimate")) box.hidden = !this.view.isEstimate;
    byId<HTMLButtonElement>("reset").disabled = state.zoom === 0;
    byId<HTMLButtonElement>("back").disabled = this.step === 0;
  }

  private showPath(): void {
    const { drawn } = this.view;
    const path = [0, ...drawn.path(this.state.zoom)];
    const items = path.map((node, i) => {
      const isLast = i + 1 === path.length;
      const name = node === 0 ? this.view.title(0) : this.view.groups.label(drawn.group[node]);
      const button = element("button", { type: "button", title: this.view.title(node) }, name);
      if (isLast) button.setAttribute("aria-current", "location");
      button.addEventListener("click", () => this.change({ zoom: node }, true));
      return element("li", {}, button);
    });
    // Of a deep one, the ends.
    if (items.length > 9) items.splice(3, items.length - 7, element("li", {}, "…"));
    replaceChildren(byId("path"), ...items);
  }

  private showFound(): void {
    const { state, view } = this;
    const { found } = view;
    byId("problem").textContent = view.problem;
    byId("clear").hidden = state.query === "" && state.selected < 0;
    if (!found) {
      byId("found").textContent = "";
      return;
    }
    const [one, many] = kGroupNames[state.group];
    const what = state.query === "" ? view.groups.title(state.selected) : format.plural(found.number, `${one} matches`, `${many} match`);
    const share = format.percent(found.after, view.after.total[0]);
    const change = view.isComparison ? `, change ${view.amount(found.after - found.before, state, true)}` : "";
    byId("found").textContent = `${what}: ${view.amount(found.after, state)} (${share}) on tracebacks through ${found.number === 1 ? "it" : "them"}${change}`;
  }

  // --- what is pointed at ---

  private facts(node: number): [string, string][] {
    const { state, view } = this;
    const { before, after } = view;
    const errorOf = (variance: Float64Array | null) => (variance && variance[node] > 0 ? ` ± ${view.amount(Math.sqrt(variance[node]), state)}` : "");
    const whole = after.total[0];
    const side = (name: string, sums: typeof after): [string, string][] => [
      [name, `${view.amount(sums.total[node], state)}${errorOf(sums.variance)} (${format.percent(sums.total[node], sums.total[0])})`],
    ];
    const facts: [string, string][] = [];
    if (view.isComparison) {
      facts.push(...side("before", before), ...side("after", after));
      facts.push(["change", `${view.amount(after.total[node] - before.total[node], state, true)}${view.mark(node) ? `, ${view.mark(node).toLowerCase()}` : ""}`]);
      if (state.normalized) {
        const points = 100 * (after.total[node] / (whole || 1) - before.total[node] / (before.total[0] || 1));
        facts.push(["share", `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(2)} percentage points`]);
      }
    } else {
      facts.push(...side("total", after));
    }
    facts.push(["own", `${view.amount(after.own[node], state)}${errorOf(after.ownVariance)}`]);
    facts.push([state.measure === "size" ? "blocks" : "bytes", this.otherAmount(node)]);
    return facts;
  }

  // Bytes where blocks are measured, and the other way round: of the node's whole subtree.
  private otherAmount(node: number): string {
    const { state, view, data } = this;
    const amounts = data.amounts[data.sides.length - 1][state.metric]!;
    const values = state.measure === "size" ? amounts.count : amounts.size;
    const inside = view.drawn.below(node);
    let sum = 0;
    view.drawn.rowNode.forEach((at, row) => (sum += inside[at] ? values[row] : 0));
    return state.measure === "size" ? format.count(sum) : format.size(sum);
  }

  private words(node: number): string {
    return `${this.view.title(node)}: ${this.facts(node).map(([name, value]) => `${name} ${value}`).join(", ")}`;
  }

  private hover(node: number, at: { x: number; y: number } | null): void {
    const tip = byId("tip");
    tip.hidden = at === null;
    if (at === null) return;
    if (tip.dataset.node !== String(node) || tip.dataset.key !== location.hash) {
      tip.dataset.node = String(node);
      tip.dataset.key = location.hash;
      this.fillTip(tip, node);
    }
    const bounds = tip.getBoundingClientRect();
    const x = Math.min(at.x + 14, innerWidth - bounds.width - 8);
    const y = at.y + 18 + bounds.height > innerHeight ? at.y - bounds.height - 12 : at.y + 18;
    tip.style.transform = `translate(${Math.max(8, x)}px, ${Math.max(8, y)}px)`;
  }

  private fillTip(tip: HTMLElement, node: number): void {
    const { groups, drawn } = this.view;
    const list = element("dl", {});
    for (const [name, value] of this.facts(node)) list.append(element("dt", {}, name), element("dd", {}, value));
    const group = drawn.group[node];
    const name = node === 0 ? "" : groups.fullFunction(group);
    const place = node === 0 ? this.view.title(0) : groups.path(group) + groups.position(group);
    const source = node === 0 ? "" : groups.source(group);
    replaceChildren(
      tip,
      name !== "" && element("p", { class: "tip-name" }, name),
      element("p", { class: name ? "dim tip-place" : "tip-name" }, place),
      node !== 0 && groups.module(group) !== "" && element("p", { class: "dim tip-place" }, groups.module(group)),
      source !== "" && element("code", { class: "source" }, source),
      list,
    );
  }
}

readData(byId("data"))
  .then((data) => {
    byId("content").hidden = false;
    byId("loading").hidden = true;
    new Page(data);
  })
  .catch((error) => {
    byId("loading").textContent = `The page cannot be read: ${error instanceof Error ? error.message : error}`;
    throw error;
  });
