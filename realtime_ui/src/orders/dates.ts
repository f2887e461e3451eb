const clocks = new Map<string, Intl.DateTimeFormat>();

/** A zone's clock; to make one takes long, and a time axis asks for many moments. */
function clockOf(zone: string): Intl.DateTimeFormat {
  let clock = clocks.get(zone);
  if (clock === undefined) {
    clock = new Intl.DateTimeFormat("en", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    clocks.set(zone, clock);
  }
  return clock;
}

/** By how much a zone's clock is before UTC at a moment, in milliseconds. */
export function offsetAt(at: number, zone: string): number {
  const parts = clockOf(zone).formatToParts(at);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
  return Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second")) - Math.floor(at / 1_000) * 1_000;
}

/**
 * The instant of a `datetime-local` value read as a clock in the plant's zone, as RFC 3339 in UTC.
 * A time that the clock skips in spring is the one as far after the change.
 */
export function instantOf(local: string, zone: string): string {
  const asUtc = Date.parse(`${local}Z`);
  const guess = asUtc - offsetAt(asUtc, zone);
  return new Date(asUtc - offsetAt(guess, zone)).toISOString();
}

/** An instant as the value of a `datetime-local` input in the plant's zone; empty for none. */
export function localOf(instant: string | null, zone: string): string {
  if (instant === null) return "";
  const at = Date.parse(instant);
  return new Date(at + offsetAt(at, zone)).toISOString().slice(0, 16);
}
