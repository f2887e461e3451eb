/** ISA has a fixed length: the separator of segments stands behind it (X12.5). */
const X12_SEPARATOR = 105;
/** UNA is followed by six service characters, of which the last ends segments (ISO 9735). */
const UNA_SEPARATOR = 8;
const UNA_RELEASE = 6;

/**
 * A document's text as people read it: EDI with a line for each segment, JSON indented, the rest as
 * it is. What is sent is never changed by it.
 */
export function readable(text: string): string {
  if (text.startsWith("ISA") && text.length > X12_SEPARATOR) return segments(text, text.charAt(X12_SEPARATOR), "");
  if (text.startsWith("UNA") && text.length > UNA_SEPARATOR) return segments(text, text.charAt(UNA_SEPARATOR), text.charAt(UNA_RELEASE).trim());
  if (text.startsWith("UNB")) return segments(text, "'", "?");
  if (text.startsWith("{") || text.startsWith("[")) {
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }
  return text;
}

/** A new line behind every separator that no release character stands before. */
function segments(text: string, separator: string, release: string): string {
  if (separator.trim() === "") return text;
  let line = text.startsWith("UNA") ? text.slice(0, UNA_SEPARATOR) : "";
  const lines: string[] = [];
  for (let place = line.length; place < text.length; place += 1) {
    const sign = text.charAt(place);
    line += sign;
    if (release !== "" && sign === release) {
      place += 1;
      line += text.charAt(place);
    } else if (sign === separator) {
      lines.push(line.trim());
      line = "";
    }
  }
  if (line.trim() !== "") lines.push(line.trim());
  return lines.join("\n");
}
