import { beforeEach, describe, expect, it } from "vitest";
import { CLOSE_RESUME, CLOSE_SIGNED_OUT, LiveClient, TicketRefused, type LiveSocket, type LiveWorld } from "../src/live/client.ts";

class FakeSocket implements LiveSocket {
  sent: unknown[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((text: string) => void) | null = null;
  onclose: ((code: number) => void) | null = null;
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.closed = true;
  }
  say(message: object): void {
    this.onmessage?.(JSON.stringify(message));
  }
}

/** Time that moves only when told, and sockets that the test answers for. */
class FakeWorld implements LiveWorld {
  time = 0;
  sockets: FakeSocket[] = [];
  refuse: Error | null = null;
  #timers: { at: number; run: () => void }[] = [];
  #frames: (() => void)[] = [];

  ticket(): Promise<string> {
    return this.refuse === null ? Promise.resolve("ticket") : Promise.reject(this.refuse);
  }
  connect(): LiveSocket {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket;
  }
  now(): number {
    return this.time;
  }
  random(): number {
    return 1;
  }
  after(ms: number, run: () => void): () => void {
    const timer = { at: this.time + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
  frame(run: () => void): void {
    this.#frames.push(run);
  }
  draw(): void {
    const frames = this.#frames;
    this.#frames = [];
    frames.forEach((run) => { run(); });
  }
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.time = next.at;
      next.run();
      await this.settle();
    }
    this.time = end;
  }
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("nothing connected yet");
    return socket;
  }
}

const FLOOR = "floor:north";
let world: FakeWorld;
let client: LiveClient;

async function opened(): Promise<FakeSocket> {
  await world.settle();
  world.socket.onopen?.();
  return world.socket;
}

beforeEach(() => {
  world = new FakeWorld();
  client = new LiveClient(world);
});

describe("a channel", () => {
  it("shows a snapshot and the deltas after it, once per frame", async () => {
    client.subscribe(FLOOR);
    const socket = await opened();
    expect(socket.sent).toEqual([{ op: "subscribe", channel: FLOOR, since: null }]);
    const channel = client.peek(FLOOR);
    let told = 0;
    channel.onKey("m1", () => { told += 1; });
    socket.say({ op: "snapshot", channel: FLOOR, epoch: "a", offset: 5, data: { m1: { good: 1 }, m2: { good: 7 } } });
    expect(channel.get("m1")).toBeUndefined();
    socket.say({ op: "delta", channel: FLOOR, offset: 6, data: { m1: { good: 2 } } });
    socket.say({ op: "delta", channel: FLOOR, offset: 7, data: { m1: { good: 3 } } });
    world.draw();
    expect(channel.get("m1")).toEqual({ good: 3 });
    expect(channel.keys).toEqual(["m1", "m2"]);
    expect(channel.status).toEqual({ kind: "ready" });
    expect(told).toBe(1);
  });

  it("ignores offsets it has seen and accepts a jump, which is a conflated delta", async () => {
    client.subscribe(FLOOR);
    const socket = await opened();
    socket.say({ op: "snapshot", channel: FLOOR, epoch: "a", offset: 5, data: { m1: { good: 1 } } });
    socket.say({ op: "delta", channel: FLOOR, offset: 5, data: { m1: { good: 0 } } });
    socket.say({ op: "delta", channel: FLOOR, offset: 4, data: { m1: { good: -1 } } });
    world.draw();
    expect(client.peek(FLOOR).get("m1")).toEqual({ good: 1 });
    socket.say({ op: "delta", channel: FLOOR, offset: 90, data: { m1: { good: 44 } } });
    world.draw();
    expect(client.peek(FLOOR).get("m1")).toEqual({ good: 44 });
    expect(client.peek(FLOOR).position).toEqual({ epoch: "a", offset: 90 });
  });

  it("drops a key that is null and tells nobody whose key did not change", async () => {
    client.subscribe(FLOOR);
    const socket = await opened();
    socket.say({ op: "snapshot", channel: FLOOR, epoch: "a", offset: 1, data: { m1: { good: 1 }, m2: { good: 2 } } });
    world.draw();
    const told: string[] = [];
    const channel = client.peek(FLOOR);
    channel.onKey("m1", () => told.push("m1"));
    channel.onKey("m2", () => told.push("m2"));
    channel.onKeys(() => told.push("keys"));
    socket.say({ op: "delta", channel: FLOOR, offset: 2, data: { m1: { good: 1 }, m2: null } });
    world.draw();
    expect(told).toEqual(["m2", "keys"]);
    expect(channel.keys).toEqual(["m1"]);
  });

  it("keeps an object identical while it does not change", async () => {
    client.subscribe(FLOOR);
    const socket = await opened();
    socket.say({ op: "snapshot", channel: FLOOR, epoch: "a", offset: 1, data: { m1: { good: 1 } } });
    world.draw();
    const before = client.peek(FLOOR).get("m1");
    socket.say({ op: "snapshot", channel: FLOOR, epoch: "b", offset: 1, data: { m1: { good: 1 } } });
    world.draw();
    expect(client.peek(FLOOR).get("m1")).toBe(before);
  });

  it("loses what a new snapshot no longer has", async () => {
    client.subscribe(FLOOR);
    const socket = await opened();
    socket.say({ op: "snapshot", channel: FLOOR, epoch: "a", offset: 9, data: { m1: {}, m2: {} } });
    world.draw();
    socket.say({ op: "snapshot", channel: FLOOR, epoch: "b", offset: 1, data: { m2: {} } });
    world.draw();
    expect(client.peek(FLOOR).keys).toEqual(["m2"]);
    expect(client.peek(FLOOR).position).toEqual({ epoch: "b", offset: 1 });
  });

  it("says why the server refused it", async () => {
    client.subscribe(FLOOR);
    const socket = await opened();
    socket.say({ op: "error", channel: FLOOR, code: "forbidden", detail: "not your site" });
    expect(client.peek(FLOOR).status).toEqual({ kind: "refused", code: "forbidden", detail: "not your site" });
  });

  it("keeps what it shows while the server cannot tell it, and is ready when it can", async () => {
    client.subscribe(FLOOR);
    const socket = await opened();
    const channel = client.peek(FLOOR);
    socket.say({ op: "error", channel: FLOOR, code: "not_ready", detail: "it follows" });
    expect(channel.status.kind).toBe("delayed");
    socket.say({ op: "snapshot", channel: FLOOR, epoch: "a", offset: 5, data: { m1: { good: 1 } } });
    world.draw();
    expect(channel.status.kind).toBe("ready");
    socket.onclose?.(1006);
    await world.advance(500);
    const second = await opened();
    second.say({ op: "error", channel: FLOOR, code: "unavailable", detail: "it is tried again" });
    expect(channel.status.kind).toBe("delayed");
    expect(channel.get("m1")).toEqual({ good: 1 });
    expect(channel.position).toEqual({ epoch: "a", offset: 5 });
    second.say({ op: "subscribed", channel: FLOOR, epoch: "a", offset: 5 });
    expect(channel.status.kind).toBe("ready");
  });

  it("is left some time after its last user went, not at once", async () => {
    const leave = client.subscribe(FLOOR);
    const socket = await opened();
    leave();
    const again = client.subscribe(FLOOR);
    await world.advance(11_000);
    expect(socket.sent).toHaveLength(1);
    again();
    await world.advance(11_000);
    expect(socket.sent).toContainEqual({ op: "unsubscribe", channel: FLOOR });
  });
});

describe("a connection that is lost", () => {
  it("asks for what it missed and goes on from there", async () => {
    client.subscribe(FLOOR);
    const first = await opened();
    first.say({ op: "snapshot", channel: FLOOR, epoch: "a", offset: 5, data: { m1: { good: 1 } } });
    first.onclose?.(1006);
    expect(client.state.phase).toBe("waiting");
    await world.advance(500);
    const second = await opened();
    expect(second.sent).toEqual([{ op: "subscribe", channel: FLOOR, since: { epoch: "a", offset: 5 } }]);
    second.say({ op: "subscribed", channel: FLOOR, epoch: "a", offset: 8 });
    second.say({ op: "delta", channel: FLOOR, offset: 7, data: { m1: { good: 2 } } });
    world.draw();
    expect(client.peek(FLOOR).get("m1")).toEqual({ good: 2 });
  });

  it("applies no delta before the server answered the subscription on the new socket", async () => {
    client.subscribe(FLOOR);
    const first = await opened();
    first.say({ op: "snapshot", channel: FLOOR, epoch: "a", offset: 5, data: { m1: { good: 1 } } });
    first.onclose?.(1006);
    await world.advance(500);
    const second = await opened();
    second.say({ op: "delta", channel: FLOOR, offset: 900, data: { m1: { good: 999 } } });
    world.draw();
    expect(client.peek(FLOOR).get("m1")).toEqual({ good: 1 });
  });

  it("asks for a snapshot when the answer is of another epoch or behind it", async () => {
    client.subscribe(FLOOR);
    const first = await opened();
    first.say({ op: "snapshot", channel: FLOOR, epoch: "a", offset: 5, data: {} });
    first.onclose?.(1006);
    await world.advance(500);
    const second = await opened();
    second.say({ op: "subscribed", channel: FLOOR, epoch: "b", offset: 2 });
    expect(second.sent.at(-1)).toEqual({ op: "subscribe", channel: FLOOR, since: null });
  });

  it("resumes at once when told so, but not in a tight loop", async () => {
    client.subscribe(FLOOR);
    (await opened()).onclose?.(CLOSE_RESUME);
    expect(client.state.phase).toBe("connecting");
    (await opened()).onclose?.(CLOSE_RESUME);
    expect(client.state.phase).toBe("waiting");
  });

  it("backs off with every failed attempt, up to a ceiling", async () => {
    world.refuse = new Error("no network");
    client.subscribe(FLOOR);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 7; attempt += 1) {
      await world.settle();
      expect(client.state).toEqual({ phase: "waiting", attempts: attempt + 1 });
      const before = world.time;
      while (client.state.attempts === attempt + 1) await world.advance(100);
      waits.push(world.time - before);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  });

  it("stops when signed out, and tries again when asked", async () => {
    client.subscribe(FLOOR);
    (await opened()).onclose?.(CLOSE_SIGNED_OUT);
    expect(client.state.phase).toBe("refused");
    await world.advance(60_000);
    expect(world.sockets).toHaveLength(1);
    client.retry();
    await opened();
    expect(client.state.phase).toBe("live");
  });

  it("stops when there will be no ticket", async () => {
    world.refuse = new TicketRefused("gone");
    client.subscribe(FLOOR);
    await world.settle();
    expect(client.state.phase).toBe("refused");
  });

  it("does not wait for silence when the network is known to be gone", async () => {
    client.subscribe(FLOOR);
    await opened();
    client.interrupt();
    expect(client.state.phase).toBe("waiting");
  });

  it("notices a socket that is open but dead", async () => {
    client.subscribe(FLOOR);
    const socket = await opened();
    await world.advance(15_000);
    expect(socket.sent.at(-1)).toEqual({ op: "ping" });
    await world.advance(9_000);
    expect(client.state.phase).toBe("live");
    await world.advance(1_000);
    expect(client.state.phase).toBe("waiting");
    expect(socket.closed).toBe(true);
  });

  it("stays while pongs come", async () => {
    client.subscribe(FLOOR);
    const socket = await opened();
    for (let round = 0; round < 5; round += 1) {
      await world.advance(15_000);
      socket.say({ op: "pong" });
      await world.advance(10_000);
    }
    expect(client.state.phase).toBe("live");
    expect(world.sockets).toHaveLength(1);
  });
});

describe("shuffled histories", () => {
  // A small generator with a fixed seed: the same histories at every run.
  function* numbers(seed: number): Generator<number, never> {
    let value = seed;
    for (;;) {
      value = (value * 1_103_515_245 + 12_345) % 2_147_483_648;
      yield value / 2_147_483_648;
    }
  }

  it("converges with the server however often the line breaks", async () => {
    const random = numbers(7);
    const pick = (below: number): number => Math.floor(random.next().value * below);
    const server: Record<string, unknown> = {};
    const history: { offset: number; data: Record<string, unknown> }[] = [];
    let offset = 0;
    client.subscribe(FLOOR);
    let socket = await opened();
    let told = 0;
    socket.say({ op: "snapshot", channel: FLOOR, epoch: "a", offset, data: { ...server } });
    for (let step = 0; step < 600; step += 1) {
      const key = `m${pick(12)}`;
      const value = pick(6) === 0 ? null : { good: step };
      if (value === null) Reflect.deleteProperty(server, key);
      else server[key] = value;
      offset += 1;
      history.push({ offset, data: { [key]: value } });
      const action = pick(10);
      if (action === 0) {
        socket.onclose?.(1006);
        while (world.socket === socket) await world.advance(100);
        socket = await opened();
        const asked = socket.sent[0] as { since: { offset: number } };
        if (pick(3) === 0) {
          socket.say({ op: "snapshot", channel: FLOOR, epoch: "a", offset, data: { ...server } });
          told = offset;
        } else {
          socket.say({ op: "subscribed", channel: FLOOR, epoch: "a", offset });
          told = asked.since.offset;
        }
      }
      if (action < 7) {
        const missing = history.filter((delta) => delta.offset > told);
        const conflated = Object.assign({}, ...missing.map((delta) => delta.data)) as Record<string, unknown>;
        if (missing.length > 0) socket.say({ op: "delta", channel: FLOOR, offset, data: conflated });
        told = offset;
        if (pick(4) === 0) socket.say({ op: "delta", channel: FLOOR, offset: told - 1, data: { [key]: { good: "old" } } });
      }
      if (pick(3) === 0) world.draw();
    }
    const rest = history.filter((delta) => delta.offset > told);
    if (rest.length > 0) socket.say({ op: "delta", channel: FLOOR, offset, data: Object.assign({}, ...rest.map((delta) => delta.data)) as object });
    world.draw();
    const channel = client.peek(FLOOR);
    expect(Object.fromEntries(channel.keys.map((name) => [name, channel.get(name)]))).toEqual(server);
  });
});
