// Shows what the installation sends to this browser, and opens what it is about. It keeps nothing
// and answers no requests: pages work without it as before.

self.addEventListener("install", () => {
  void self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

/** What was sent; a browser demands that something is shown whatever it was. */
function read(data) {
  try {
    const told = data.json();
    if (typeof told.title === "string") return told;
  } catch {
    // Not ours, or nothing: said below.
  }
  return { title: "gemba" };
}

self.addEventListener("push", (event) => {
  const told = read(event.data);
  event.waitUntil(
    self.registration.showNotification(told.title, {
      body: told.body ?? "",
      icon: "/icon.svg",
      lang: told.language ?? "en",
      // The same message twice is one notification.
      ...(told.id === undefined ? {} : { tag: told.id }),
      requireInteraction: told.priority === "critical",
      data: { link: told.link ?? null },
    }),
  );
});

/** Pages of this installation only: a link of elsewhere opens the first page. */
function target(link) {
  const home = new URL("/", self.location.origin);
  if (typeof link !== "string") return home.href;
  const url = new URL(link, home);
  // The same page, whatever name this installation is reached by from outside.
  return new URL(url.pathname + url.search + url.hash, home).href;
}

async function open(link) {
  const url = target(link);
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((each) => each.url === url);
  if (there !== undefined) return there.focus();
  return self.clients.openWindow(url);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.link));
});
