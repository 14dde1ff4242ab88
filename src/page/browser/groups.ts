// What frames are counted together as: a line, a file, a function or a module. The same keys as the
// command line's.
import { Data, kInlined, kMerged, kSystem, kUnresolved } from "./data";
import { Matcher } from "./match";

export type GroupBy = "lineno" | "filename" | "function" | "module";
export const kGroupBys: GroupBy[] = ["lineno", "filename", "function", "module"];

const kUnknown = "<unknown>";

export class Groups {
  readonly ofFrame: Int32Array;
  // By group: the first of its frames, and whether all of them are somebody else's code.
  readonly firstFrame: number[] = [];
  readonly isSystem: boolean[] = [];
  // The group of blocks whose frames are all hidden; no frame has it.
  readonly hidden: number;
  private readonly functions: number[] = [];
  private readonly modules: number[] = [];
  private readonly inlined: boolean[] = [];
  private readonly labels: string[] = [];

  constructor(readonly data: Data, readonly by: GroupBy) {
    const { frames } = data;
    const known = new Map<string, number>();
    this.ofFrame = new Int32Array(frames.file.length);
    for (let frame = 0; frame < frames.file.length; ++frame) {
      const key = this.key(frame);
      let group = known.get(key);
      if (group === undefined) {
        group = this.firstFrame.length;
        known.set(key, group);
        this.firstFrame.push(frame);
        this.functions.push(frames.function[frame]);
        this.modules.push(frames.module[frame]);
        this.isSystem.push(true);
        this.inlined.push(true);
      }
      // What a group is shown with is what all its frames agree on.
      if (this.functions[group] !== frames.function[frame]) this.functions[group] = -1;
      if (this.modules[group] !== frames.module[frame]) this.modules[group] = -1;
      this.isSystem[group] &&= (frames.flags[frame] & kSystem) !== 0;
      this.inlined[group] &&= (frames.flags[frame] & kInlined) !== 0;
      this.ofFrame[frame] = group;
    }
    this.hidden = this.firstFrame.length;
  }

  get size(): number {
    return this.hidden + 1;
  }

  private key(frame: number): string {
    const { file, line, module, offset, flags } = this.data.frames;
    const name = this.data.frames.function[frame];
    const unresolved = (flags[frame] & kUnresolved) !== 0;
    if (this.by === "module") return `${this.data.frames.package[frame]}`;
    const place = file[frame] >= 0 ? `${file[frame]}` : `m${module[frame]}`;
    if (this.by === "filename") return place;
    if (this.by === "function") return `${place} ${name}`;
    if (file[frame] >= 0) return `${place} ${line[frame]} ${unresolved ? "" : offset[frame]}`;
    return `${place} ${line[frame]} ${name} ${offset[frame]} ${unresolved}`;
  }

  private name(id: number): string {
    return id < 0 ? "" : this.data.names[id];
  }

  // The file, or what stands for it.
  path(group: number): string {
    if (group === this.hidden) return "<hidden>";
    const { frames } = this.data;
    const frame = this.firstFrame[group];
    if (this.by === "module") return this.name(frames.package[frame]) || kUnknown;
    return this.name(frames.file[frame]) || this.name(frames.module[frame]) || kUnknown;
  }

  // ":12" or "+0x1f3a"; empty where the key has no line.
  position(group: number): string {
    if (group === this.hidden || this.by !== "lineno") return "";
    const { frames } = this.data;
    const frame = this.firstFrame[group];
    if (frames.flags[frame] & kUnresolved) return `+0x${frames.offset[frame]}`;
    return frames.line[frame] > 0 ? `:${frames.line[frame]}` : "";
  }

  function(group: number): string {
    if (group === this.hidden || this.by === "filename" || this.by === "module") return "";
    return this.name(this.functions[group]);
  }

  fullFunction(group: number): string {
    if (!this.function(group)) return "";
    return this.data.fullNames[this.functions[group]] ?? this.function(group);
  }

  module(group: number): string {
    return group === this.hidden || this.by === "module" ? "" : this.name(this.modules[group]);
  }

  // The line that it was before; 0: the same.
  was(group: number): number {
    return group === this.hidden || this.by !== "lineno" ? 0 : this.data.frames.was[this.firstFrame[group]];
  }

  isInlined(group: number): boolean {
    return group !== this.hidden && this.by === "lineno" && this.inlined[group];
  }

  isMerged(group: number): boolean {
    return group !== this.hidden && (this.data.frames.flags[this.firstFrame[group]] & kMerged) !== 0;
  }

  source(group: number): string {
    if (group === this.hidden || this.by !== "lineno") return "";
    return this.data.source[this.firstFrame[group]] ?? "";
  }

  // For a frame of the picture: what there is room for.
  label(group: number): string {
    return (this.labels[group] ??= this.makeLabel(group));
  }

  private makeLabel(group: number): string {
    const path = this.path(group);
    const last = path.slice(path.lastIndexOf("/") + 1) || path;
    const name = this.function(group);
    const place = last + this.position(group);
    return name ? (this.by === "function" ? name : `${name}  ${place}`) : place;
  }

  // In full, in one line.
  title(group: number): string {
    const name = this.function(group);
    const place = this.path(group) + this.position(group);
    return name ? `${name} — ${place}` : place;
  }

  matches(group: number, matches: Matcher): boolean {
    const path = this.path(group);
    return (
      matches(path) ||
      matches(path + this.position(group)) ||
      [this.fullFunction(group), this.function(group), this.module(group)].some((text) => text && matches(text))
    );
  }
}
