import type { AlarmPriority } from "./api.ts";

/** From which priority on a board sounds. It belongs to the board, not to whoever is signed in. */
export const POLICIES = ["off", "critical", "high"] as const;
export type SoundPolicy = (typeof POLICIES)[number];

const STORED = "gemba.alarm-sound";

export function policyOf(value: unknown): SoundPolicy | undefined {
  return POLICIES.find((each) => each === value);
}

export function storedPolicy(): SoundPolicy {
  try {
    return policyOf(localStorage.getItem(STORED)) ?? "off";
  } catch {
    // Storage is forbidden: a board is silent until somebody says otherwise.
    return "off";
  }
}

export function storePolicy(policy: SoundPolicy): void {
  try {
    localStorage.setItem(STORED, policy);
  } catch {
    // It lasts as long as the page.
  }
}

/** Whether an alarm of a priority sounds. */
export function sounds(policy: SoundPolicy, priority: AlarmPriority): boolean {
  return policy !== "off" && (priority === "critical" || (policy === "high" && priority === "high"));
}

interface Tone {
  hertz: number;
  /** Seconds after the first one. */
  at: number;
  lasts: number;
}

/** Bursts of pulses, as IEC 60601-1-8 tells urgencies apart: the more urgent, the more and the faster. */
export function tonesOf(priority: AlarmPriority): readonly Tone[] {
  const [pulses, apart, hertz] = priority === "critical" ? [[0, 1, 2, 4, 5], 0.2, 880] : [[0, 1, 2], 0.32, 660];
  return pulses.map((pulse) => ({ hertz, at: pulse * apart, lasts: apart * 0.7 }));
}

/** So long it is still between two bursts. */
export function pauseMs(priority: AlarmPriority): number {
  return priority === "critical" ? 5_000 : 12_000;
}

const LOUD = 0.4;
const EDGE_S = 0.02;

/** Makes tones. A browser lets it once somebody has touched the page, or where it is told to always. */
export class Sounder {
  #context: AudioContext | null = null;

  /** Whether tones would be heard. */
  get ready(): boolean {
    return this.#context?.state === "running";
  }

  /** Ask the browser for sound; it answers whether it may. */
  async arm(): Promise<boolean> {
    try {
      this.#context ??= new AudioContext();
      // A browser that waits for a gesture never answers: do not wait for it.
      await Promise.race([this.#context.resume(), new Promise((resolve) => setTimeout(resolve, 500))]);
    } catch {
      // There is no sound device: what is shown has to do.
      return false;
    }
    return this.ready;
  }

  play(priority: AlarmPriority): void {
    const context = this.#context;
    if (context?.state !== "running") return;
    const begin = context.currentTime + EDGE_S;
    for (const tone of tonesOf(priority)) {
      const [voice, volume] = [context.createOscillator(), context.createGain()];
      voice.frequency.value = tone.hertz;
      // Edges without a click.
      volume.gain.setValueAtTime(0, begin + tone.at);
      volume.gain.linearRampToValueAtTime(LOUD, begin + tone.at + EDGE_S);
      volume.gain.setValueAtTime(LOUD, begin + tone.at + tone.lasts - EDGE_S);
      volume.gain.linearRampToValueAtTime(0, begin + tone.at + tone.lasts);
      voice.connect(volume).connect(context.destination);
      voice.start(begin + tone.at);
      voice.stop(begin + tone.at + tone.lasts);
    }
  }

  close(): void {
    void this.#context?.close().catch(() => undefined);
    this.#context = null;
  }
}
