// Numbers and calls in words.

/** 75.25 -> "1:15.3" (or "1:15" without tenths); hours where there are any. */
export function time(seconds, tenths = true) {
  if (!Number.isFinite(seconds)) return "–";
  const units = Math.round(Math.max(0, seconds) * (tenths ? 10 : 1)) / (tenths ? 10 : 1);
  const hours = Math.floor(units / 3600);
  const minutes = Math.floor(units / 60) % 60;
  const rest = (units % 60).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** "0:05.0–0:06.8", or one time where both are the same. */
export function span(start_s, end_s) {
  return end_s - start_s < 0.05 ? time(start_s) : `${time(start_s)}–${time(end_s)}`;
}

export function bytes(count) {
  if (!Number.isFinite(count)) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  return `${power && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

export const percent = (share) => `${Math.round(share * 100)} %`;

export function seconds(value) {
  if (!Number.isFinite(value)) return "";
  if (value >= 60) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** `find_text({"query": "exit"})` -> {tool, args}; args is null where they cannot be read. */
export function readCall(call) {
  const open = call.indexOf("(");
  if (open < 0) return { tool: call, args: null };
  try {
    return { tool: call.slice(0, open), args: JSON.parse(call.slice(open + 1, call.lastIndexOf(")")) || "{}") };
  } catch {
    return { tool: call.slice(0, open), args: null };
  }
}

/** {"query": "exit", "start_s": 3} -> `query: exit · start_s: 3`, cut to `most` characters. */
export function shortArgs(args, most = 90) {
  const text = Object.entries(args ?? {})
    .filter(([, value]) => value !== "" && value !== null && !(Array.isArray(value) && !value.length))
    .map(([name, value]) => `${name}: ${plain(value)}`)
    .join(" · ");
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

export function plain(value) {
  if (Array.isArray(value)) return value.map(plain).join(", ");
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** Words of an evidence: they come as text, or as {text, source}. */
export function words(text) {
  return typeof text === "object" && text !== null ? text.text ?? "" : text ?? "";
}

/** "just now", "5 min ago", or the day; `at` in seconds since 1970, or ISO 8601. */
export function when(at) {
  const moment = new Date(typeof at === "number" ? at * 1000 : at);
  const minutes = (Date.now() - moment) / 60000;
  if (!Number.isFinite(minutes)) return "";
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${Math.floor(minutes)} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return moment.toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}
