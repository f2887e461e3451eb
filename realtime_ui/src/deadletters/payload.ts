import type { DeadLetter } from "../api/types.ts";

/** The payload for reading: JSON indented, anything else as it came. */
export function payloadText(letter: Pick<DeadLetter, "payload" | "encoding">): string {
  if (letter.encoding === "base64") return letter.payload;
  try {
    return JSON.stringify(JSON.parse(letter.payload), null, 2);
  } catch {
    // That it is no JSON may be why it is here.
    return letter.payload;
  }
}
