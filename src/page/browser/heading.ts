// What was read, what is to be known of it, and what is missing.
import { Data } from "./data";
import { byId, element, replaceChildren } from "./dom";
import * as format from "./format";

function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1) || path;
}

function title(data: Data): (Node | string)[] {
  const name = (path: string) => element("bdi", { title: path }, lastName(path));
  if (data.series) {
    const program = data.sides[1].program;
    return [`${data.series.times.length} snapshots`, program ? " of " : "", element("bdi", {}, lastName(program))];
  }
  if (data.sides.length === 1) return [name(data.sides[0].path)];
  return [name(data.sides[0].path), element("span", { class: "arrow" }, " → "), name(data.sides[1].path)];
}

function noteText(note: { text: string; label: string }): string {
  return note.label ? `${note.label}: ${note.text}` : note.text;
}

export function showHeading(data: Data): void {
  replaceChildren(byId("title"), ...title(data));
  if (data.sides.length === 2) {
    const [before, after] = data.sides.map((side) => element("bdi", {}, lastName(side.path)));
    replaceChildren(byId("picture-title"), "What changed between ", before, " (before) and ", after, " (after)");
  }
  const headlines = data.notes.filter((note) => note.is_headline && !note.is_warning);
  const others = data.notes.filter((note) => !note.is_headline && !note.is_warning);
  replaceChildren(byId("headlines"), ...headlines.map((note) => element("p", {}, noteText(note))));
  replaceChildren(byId("notes"), ...others.map((note) => element("p", {}, noteText(note))));
  const warnings = [...data.warnings, ...data.notes.filter((note) => note.is_warning).map(noteText)];
  const { tracebacks, lines, size } = data.merged;
  if (tracebacks > 0) {
    const less = lines > 0 ? `, and ${format.plural(lines, "line is", "lines are")} part of it` : ": each line still has its own size";
    warnings.push(
      `The picture has the tracebacks that hold the most. ${format.plural(tracebacks, "other, which holds", "others, which hold")} ` +
        `${format.size(size)}, ${tracebacks === 1 ? "is" : "are"} merged as <merged>${less}.`,
    );
  }
  byId("warnings").hidden = warnings.length === 0;
  replaceChildren(byId("warning-list"), ...warnings.map((text) => element("li", {}, text)));
}

export function showAbout(data: Data): void {
  const sides = data.sides.map((side, index) => {
    const list = element("dl", {});
    for (const [name, value] of side.facts) {
      if (name) list.append(element("dt", {}, name.trim()), element("dd", {}, value));
      else list.append(element("dd", { class: "more" }, value.trim()));
    }
    const which = data.sides.length === 1 ? "" : index === 0 ? "Before: " : "After: ";
    return element("section", {}, element("h3", {}, which, element("bdi", {}, side.path)), list);
  });
  replaceChildren(byId("sides"), ...sides);
  byId("generator").textContent = `Written by ${data.generator}. The page holds all that it shows, and asks nobody.`;
}
