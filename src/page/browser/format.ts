// Numbers as the command line writes them.

const kUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const kDigits = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

// "512 B", "96.1 KiB", "1023 KiB"; signed: with a plus, too.
export function size(bytes: number, signed = false): string {
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 1023.95 && unit + 1 < kUnits.length) {
    value /= 1024;
    ++unit;
  }
  const digits = unit === 0 ? Math.round(value).toString() : value < 99.95 ? value.toFixed(1) : value.toFixed(0);
  return `${sign(bytes, signed)}${digits} ${kUnits[unit]}`;
}

export function count(number: number, signed = false): string {
  return sign(number, signed) + kDigits.format(Math.abs(number));
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? "0.0%" : `${((100 * part) / whole).toFixed(1)}%`;
}

export function blocks(number: number): string {
  return `${count(number)} ${number === 1 ? "block" : "blocks"}`;
}

function sign(number: number, signed: boolean): string {
  return number < 0 ? "−" : signed && number > 0 ? "+" : "";
}

export function plural(number: number, one: string, many: string): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

// "2026-11-20 23:16:36 UTC"
export function utcTime(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(0, 19).replace("T", " ") + " UTC";
}

// "850 ms", "42.1 s", "3 min 20 s", "2 h 5 min", "12 d 3 h"
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 1) return `${Math.round(milliseconds)} ms`;
  if (seconds < 60) return `${Number.isInteger(seconds) ? seconds : seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (large: number, a: string, b: string, small: number) =>
    `${Math.floor(whole / large)} ${a}` + (Math.floor((whole % large) / small) ? ` ${Math.floor((whole % large) / small)} ${b}` : "");
  if (whole < 3600) return two(60, "min", "s", 1);
  if (whole < 86400) return two(3600, "h", "min", 60);
  return two(86400, "d", "h", 3600);
}
