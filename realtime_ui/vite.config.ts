import react from "@vitejs/plugin-react";
import type { Connect, Plugin } from "vite";
import { defineConfig } from "vitest/config";

const server = process.env["GEMBA_API"] ?? "http://127.0.0.1:8000";

/** The customer's links are pages of their own: `/t/<token>` is `tracking.html`. */
function customersPage(): Plugin {
  const rewrite: Connect.NextHandleFunction = (request, _response, next) => {
    if (request.url?.startsWith("/t/") === true) request.url = "/tracking.html";
    next();
  };
  return {
    name: "customers-page",
    configureServer(dev) {
      dev.middlewares.use(rewrite);
    },
    configurePreviewServer(preview) {
      preview.middlewares.use(rewrite);
    },
  };
}

const proxy = { "/v1": { target: server, ws: true, changeOrigin: false } };

export default defineConfig({
  plugins: [react(), customersPage()],
  build: {
    manifest: true,
    rolldownOptions: { input: { index: "index.html", tracking: "tracking.html" } },
  },
  server: { host: "127.0.0.1", proxy },
  preview: { host: "127.0.0.1", proxy },
  test: { include: ["tests/**/*.test.ts"] },
});
