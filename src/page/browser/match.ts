// What a search matches: text, a glob as Python's fnmatch has it, or a regular expression.

export type Mode = "text" | "glob" | "regex";
export type Matcher = (text: string) => boolean;

// Of what fnmatch means by [seq], as a class of a regular expression; empty: it is no class.
function charClass(pattern: string, begin: number): { source: string; end: number } | null {
  let end = begin + 1;
  if (pattern[end] === "!") ++end;
  if (pattern[end] === "]") ++end;
  while (end < pattern.length && pattern[end] !== "]") ++end;
  if (end >= pattern.length) return null;
  let inside = pattern.slice(begin + 1, end);
  const negated = inside.startsWith("!");
  if (negated) inside = inside.slice(1);
  const points = [...inside];
  const ranges: string[] = [];
  const escape = (point: string) => point.replace(/[\\\]^-]/g, "\\$&");
  for (let i = 0; i < points.length; ++i) {
    if (points[i + 1] === "-" && i + 2 < points.length) {
      // An empty range matches nothing.
      if (points[i] <= points[i + 2]) ranges.push(`${escape(points[i])}-${escape(points[i + 2])}`);
      i += 2;
    } else {
      ranges.push(escape(points[i]));
    }
  }
  const body = ranges.join("");
  const source = negated ? (body ? `[^${body}]` : "[\\s\\S]") : body ? `[${body}]` : "[]";
  return { source, end };
}

// `*` matches anything, even `/`; `?` one code point; no escapes; case matters.
export function globSource(pattern: string): string {
  let source = "";
  for (let i = 0; i < pattern.length; ++i) {
    const character = pattern[i];
    if (character === "*") {
      source += "[\\s\\S]*";
      while (pattern[i + 1] === "*") ++i;
    } else if (character === "?") {
      source += "[\\s\\S]";
    } else if (character === "[") {
      const found = charClass(pattern, i);
      source += found ? found.source : "\\[";
      if (found) i = found.end;
    } else {
      source += character.replace(/[\\^$.|+(){}\]\/-]/, "\\$&");
    }
  }
  return `^(?:${source})$`;
}

// Throws a SyntaxError for what is no regular expression.
export function matcher(query: string, mode: Mode): Matcher {
  if (mode === "text") {
    const wanted = query.toLowerCase();
    return (text) => text.toLowerCase().includes(wanted);
  }
  const expression = new RegExp(mode === "glob" ? globSource(query) : query, mode === "glob" ? "u" : "iu");
  return (text) => expression.test(text);
}
