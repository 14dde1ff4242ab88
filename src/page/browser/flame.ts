// A flame graph on a canvas: what d3-hierarchy lays out of a tree, as far as it is wide enough to see.
import { hierarchy, partition } from "d3-hierarchy";
import { palette } from "./colours";
import { onceAFrame } from "./dom";
import { Tree } from "./tree";

const kRow = 21; // pixels
const kFont = "12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";
// Frames that are narrower are not drawn, nor what is below them.
const kLeastWidth = 0.7;
const kLeastTextWidth = 26;

export interface Picture {
  tree: Tree;
  widths: Float64Array; // by node
  zoom: number;
  share: number; // of the canvas' width that the zoomed node takes
  label: (node: number) => string;
  colour: (node: number) => string;
  mark: (node: number) => string; // before the label: "+" for what is new
  error: (node: number) => number; // standard error, in the unit of the widths; 0: exact
  isFound: ((node: number) => boolean) | null; // null: nothing is searched
  isIcicle: boolean;
}

interface Frame {
  node: number;
  x: number;
  width: number;
  depth: number;
}

export interface FlameEvents {
  zoom(node: number): void;
  hover(node: number, at: { x: number; y: number } | null): void;
  focus(node: number): void;
}

export class FlameView {
  private picture: Picture | null = null;
  private frames: Frame[] = [];
  private rows = 0;
  private zoomDepth = 0;
  private hovered = -1;
  private focused = -1;
  private characterWidth = 7.2;
  private readonly context: CanvasRenderingContext2D;
  private readonly redraw = onceAFrame(() => this.draw());

  // The box scrolls; the canvas is as large as what is seen of it, and the spacer as the picture.
  constructor(
    private readonly box: HTMLElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly spacer: HTMLElement,
    private readonly events: FlameEvents,
  ) {
    this.context = canvas.getContext("2d")!;
    box.addEventListener("scroll", this.redraw);
    canvas.addEventListener("mousemove", (event) => this.pointAt(event));
    canvas.addEventListener("mouseleave", () => this.leave());
    canvas.addEventListener("click", (event) => {
      const node = this.nodeAt(event);
      if (node >= 0) events.zoom(node);
    });
    box.addEventListener("keydown", (event) => this.press(event));
    box.addEventListener("blur", () => this.leave());
    box.addEventListener("focus", () => this.redraw());
    new ResizeObserver(() => this.layOut(false)).observe(box);
  }

  get width(): number {
    return this.box.clientWidth;
  }

  show(picture: Picture): void {
    const isOther = !this.picture || this.picture.tree !== picture.tree || this.picture.zoom !== picture.zoom || this.picture.isIcicle !== picture.isIcicle;
    this.picture = picture;
    if (isOther) this.focused = -1;
    this.layOut(isOther);
  }

  // At once: a page that is being printed draws no further frame.
  redrawAll(): void {
    this.draw();
  }

  private layOut(scrolls: boolean): void {
    const { picture } = this;
    const width = this.width;
    if (!picture || width === 0) return;
    const { tree, widths, zoom } = picture;
    this.frames = [];
    const above = tree.path(zoom);
    above.pop();
    const path = zoom === 0 ? [] : [0, ...above];
    path.forEach((node, depth) => this.frames.push({ node, x: 0, width, depth }));
    this.zoomDepth = path.length;
    const drawnWidth = width * picture.share;
    if (widths[zoom] > 0) {
      const least = (widths[zoom] * kLeastWidth) / drawnWidth;
      const root = hierarchy<number>(zoom, (node) => tree.children(node).filter((child) => widths[child] >= least));
      root.each((node) => (node.value = widths[node.data]));
      root.sort((a, b) => b.value! - a.value! || a.data - b.data);
      partition<number>().size([drawnWidth, 1])(root);
      root.each((node) => {
        const placed = node as typeof node & { x0: number; x1: number };
        this.frames.push({ node: node.data, x: placed.x0, width: placed.x1 - placed.x0, depth: this.zoomDepth + node.depth });
      });
    }
    this.rows = this.frames.reduce((most, frame) => Math.max(most, frame.depth + 1), 1);
    this.spacer.style.height = `${this.rows * kRow}px`;
    this.box.style.setProperty("--rows", `${this.rows * kRow}px`);
    if (scrolls) this.box.scrollTop = picture.isIcicle ? 0 : this.box.scrollHeight;
    // At once, so that nobody sees the old picture in a new size.
    this.draw();
  }

  private top(frame: Frame): number {
    const row = this.picture!.isIcicle ? frame.depth : this.rows - 1 - frame.depth;
    return row * kRow - this.box.scrollTop;
  }

  private draw(): void {
    const { picture, context, canvas } = this;
    if (!picture) return;
    const ratio = Math.min(devicePixelRatio || 1, 3);
    const width = this.width;
    const height = this.box.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const colours = palette();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colours.background;
    context.fillRect(0, 0, width, height);
    context.font = kFont;
    context.textBaseline = "middle";
    context.direction = "ltr";
    this.characterWidth = context.measureText("mmmmmmmmmm").width / 10 || 7.2;
    for (const frame of this.frames) {
      const top = this.top(frame);
      if (top > height || top + kRow < 0) continue;
      this.drawFrame(frame, top);
    }
    for (const [node, colour] of [[this.focused, colours.focus], [this.hovered, colours.text]] as const) {
      const frame = node < 0 ? undefined : this.frames.find((each) => each.node === node);
      if (!frame) continue;
      context.strokeStyle = colour;
      context.lineWidth = 2;
      context.strokeRect(frame.x + 1, this.top(frame) + 1, Math.max(1, frame.width - 3), kRow - 3);
    }
  }

  private drawFrame(frame: Frame, top: number): void {
    const { context } = this;
    const picture = this.picture!;
    const colours = palette();
    const { node, x, width } = frame;
    const isAbove = frame.depth < this.zoomDepth;
    const isFound = picture.isFound === null ? false : picture.isFound(node);
    const isPale = isAbove || (picture.isFound !== null && !isFound);
    const gap = width > 3 ? 1 : width > 1.5 ? 0.5 : 0;
    context.fillStyle = picture.colour(node);
    context.globalAlpha = isPale ? 0.45 : 1;
    context.fillRect(x, top, width - gap, kRow - 1);
    context.globalAlpha = 1;
    if (isFound) {
      context.fillStyle = colours.found;
      context.fillRect(x, top + kRow - 4, Math.max(width - gap, 1), 3);
    }
    this.drawError(frame, top);
    if (width >= kLeastTextWidth) this.drawLabel(frame, top);
  }

  private drawLabel(frame: Frame, top: number): void {
    const { context } = this;
    const mark = this.picture!.mark(frame.node);
    const label = (mark ? `${mark} ` : "") + this.picture!.label(frame.node);
    const room = Math.floor((frame.width - 8) / this.characterWidth);
    if (room < 2) return;
    const text = label.length <= room ? label : `${label.slice(0, room - 1)}…`;
    context.fillStyle = palette().text;
    context.save();
    context.beginPath();
    context.rect(frame.x, top, frame.width - 2, kRow);
    context.clip();
    context.fillText(text, frame.x + 4, top + kRow / 2);
    context.restore();
  }

  // A line as long as the standard error, to both sides of where the frame ends.
  private drawError(frame: Frame, top: number): void {
    const { context } = this;
    const { widths } = this.picture!;
    const error = this.picture!.error(frame.node);
    if (error === 0 || frame.width < 12 || frame.depth < this.zoomDepth) return;
    const half = Math.min((error / widths[frame.node]) * frame.width, frame.width - 2);
    const end = frame.x + frame.width - 1;
    const begin = end - half;
    const y = top + kRow - 6.5;
    context.strokeStyle = palette().text;
    context.globalAlpha = 0.75;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(begin, y);
    context.lineTo(end, y);
    context.moveTo(begin, y - 3);
    context.lineTo(begin, y + 3);
    context.stroke();
    context.globalAlpha = 1;
  }

  nodeAt(event: MouseEvent): number {
    const bounds = this.canvas.getBoundingClientRect();
    const x = event.clientX - bounds.left;
    const y = event.clientY - bounds.top;
    const found = this.frames.find((frame) => {
      const top = this.top(frame);
      return y >= top && y < top + kRow && x >= frame.x && x < frame.x + Math.max(frame.width, 1);
    });
    return found ? found.node : -1;
  }

  private pointAt(event: MouseEvent): void {
    const node = this.nodeAt(event);
    this.events.hover(node, node < 0 ? null : { x: event.clientX, y: event.clientY });
    this.canvas.style.cursor = node < 0 ? "default" : "pointer";
    if (node === this.hovered) return;
    this.hovered = node;
    this.redraw();
  }

  private leave(): void {
    this.hovered = -1;
    this.events.hover(-1, null);
    this.redraw();
  }

  // Moves among the frames that are drawn, as they lie on the screen.
  private press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.picture) return;
    const { tree, zoom, isIcicle } = this.picture;
    const at = this.frames.find((frame) => frame.node === this.focused);
    let to: number | undefined;
    const up = isIcicle ? "ArrowDown" : "ArrowUp";
    const down = isIcicle ? "ArrowUp" : "ArrowDown";
    if (event.key === "Enter" || event.key === " ") {
      if (at) this.events.zoom(at.node);
    } else if (event.key === "Home") {
      to = zoom;
    } else if (!at && event.key.startsWith("Arrow")) {
      to = zoom;
    } else if (event.key === up) {
      to = this.frames.find((frame) => frame.depth === at!.depth + 1 && (at!.depth < this.zoomDepth || tree.parent[frame.node] === at!.node))?.node;
    } else if (event.key === down) {
      to = at!.node === 0 ? undefined : tree.parent[at!.node];
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const row = this.frames.filter((frame) => frame.depth === at!.depth).sort((a, b) => a.x - b.x);
      to = row[row.indexOf(at!) + (event.key === "ArrowRight" ? 1 : -1)]?.node;
    } else {
      return;
    }
    event.preventDefault();
    if (to !== undefined) this.moveFocus(to);
  }

  private moveFocus(node: number): void {
    this.focused = node;
    const frame = this.frames.find((each) => each.node === node);
    if (frame) {
      const top = this.top(frame);
      if (top < 0) this.box.scrollTop += top;
      else if (top + kRow > this.box.clientHeight) this.box.scrollTop += top + kRow - this.box.clientHeight;
    }
    this.events.focus(node);
    this.redraw();
  }
}
