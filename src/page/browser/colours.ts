// The picture's colours. Each is light enough for dark text on a light page, and dark enough for
// light text on a dark one (a contrast of 4.5 or more); the style sheet has all others.

export interface Palette {
  isDark: boolean;
  text: string;
  background: string;
  edge: string;
  found: string;
  focus: string;
  neutral: [number, number, number];
}

const kLight: Palette = {
  isDark: false,
  text: "#16181d",
  background: "#ffffff",
  edge: "#ffffff",
  found: "#b8008f",
  focus: "#0b57d0",
  neutral: [225, 9, 88],
};

const kDark: Palette = {
  isDark: true,
  text: "#f2f4f8",
  background: "#14161a",
  edge: "#14161a",
  found: "#ff7ad9",
  focus: "#8ab4f8",
  neutral: [225, 8, 27],
};

let isPrinted = false;
const darkness = matchMedia("(prefers-color-scheme: dark)");

export function palette(): Palette {
  return darkness.matches && !isPrinted ? kDark : kLight;
}

// Calls it when the system's theme changes, and around printing, which is on white paper.
export function onPaletteChange(redraw: () => void): void {
  darkness.addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    isPrinted = true;
    redraw();
  });
  addEventListener("afterprint", () => {
    isPrinted = false;
    redraw();
  });
}

const hsl = (h: number, s: number, l: number) => `hsl(${h} ${s}% ${l}%)`;

function hashOf(text: string): number {
  let hash = 2166136261;
  for (let i = 0; i < text.length; ++i) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  return hash >>> 0;
}

// Warm where it is one's own code; pale and cool where it is somebody else's. One module has one hue.
export function ownershipColour(name: string, isSystem: boolean): string {
  const hash = hashOf(name);
  if (palette().isDark) {
    return isSystem ? hsl(195 + (hash % 60), 18, 26 + (hash % 5)) : hsl(14 + (hash % 30), 58, 31 + (hash % 5));
  }
  return isSystem ? hsl(195 + (hash % 60), 30, 84 + (hash % 5)) : hsl(22 + (hash % 28), 92, 68 + (hash % 7));
}

// From -1, all gone, to 1, all new: blue, grey, red.
export function changeColour(change: number): string {
  const { isDark, neutral } = palette();
  const strength = Math.min(1, Math.abs(change));
  if (strength < 0.005) return hsl(...neutral);
  // Small changes show, too.
  const part = 0.18 + 0.82 * Math.sqrt(strength);
  const [hue, saturation, lightness] = change > 0 ? (isDark ? [4, 62, 40] : [6, 88, 68]) : isDark ? [212, 62, 40] : [212, 85, 70];
  const mix = (from: number, to: number) => from + (to - from) * part;
  return hsl(hue, mix(neutral[1] + 10, saturation), mix(neutral[2], lightness));
}
