import { SUBPROTOCOL, type LiveSocket, type LiveWorld } from "./client.ts";

function connect(ticket: string): LiveSocket {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}/v1/live?ticket=${encodeURIComponent(ticket)}`, SUBPROTOCOL);
  const wrapped: LiveSocket = {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => { socket.close(); },
    onopen: null,
    onmessage: null,
    onclose: null,
  };
  socket.onopen = () => { wrapped.onopen?.(); };
  socket.onmessage = (event: MessageEvent<string>) => { wrapped.onmessage?.(event.data); };
  socket.onclose = (event) => { wrapped.onclose?.(event.code); };
  return wrapped;
}

/** The browser as the live client sees it. A hidden page keeps up, once a second. */
export function browserWorld(ticket: () => Promise<string>): LiveWorld {
  return {
    ticket,
    connect,
    now: () => Date.now(),
    random: () => Math.random(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => { clearTimeout(timer); };
    },
    frame: (run) => {
      if (document.visibilityState === "visible") requestAnimationFrame(run);
      else setTimeout(run, 1_000);
    },
  };
}
